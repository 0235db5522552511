import type { Identity } from '../identity/identity.ts';
import type { Ledger, Owner, Session } from '../ledger/ledger.ts';
import type { Clock } from '../platform/clock.ts';
import { createCoalesced } from '../platform/coalesced.ts';
import { type ErrorCode, LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import { type AuditAnswers, auditPart, auditSilentLooks } from './audit-answers.ts';
import { createCutOff } from './cut-off.ts';

/** host:port at which the holders of each kind of workload reach this replica; what is missing is not redirected to. */
export type Advertised = Readonly<Partial<Record<Identity['kind'], string>>>;

/** What this replica knows of the others that share its ledger. */
export interface Replicas {
  /** What it claims the values of a session with. */
  owner(identity: Identity): Owner;
  /** The owner of a session's values, when that is another replica that is not known to be gone. */
  otherOwner(session: Pick<Session, 'owner' | 'identity'>): Owner | undefined;
  /** What this replica does not reach while others do, so that they can do more for its holders and its work. */
  cutOffFrom(): CutOffCode | undefined;
  /** Gives up what it owns, so that nobody waits for it. Never rejects. */
  leave(): Promise<void>;
}

/** Others will have taken this replica for dead; the secret backend answers them and not this one; their audit logs take records, and its own does not. */
export type CutOffCode = Extract<
  ErrorCode,
  'ledger_unavailable' | 'backend_unavailable' | 'audit_unavailable'
>;

export interface ReplicasOptions {
  readonly ledger: Ledger;
  readonly replica: string;
  readonly advertised: Advertised;
  readonly clock: Clock;
  readonly log: Log;
  readonly heartbeatMs: number;
  /**
   * Others are gone, or it was taken for dead itself and has joined again: what the ledger says about holders is to be put right. No beat waits
   * for it, it never runs twice at the same time, and what fails is left to the next sweep.
   */
  readonly onChanged: () => Promise<void>;
  /** Rejects when the secret backend does not answer; asked while there are others only. */
  readonly askBackend: (signal: AbortSignal) => Promise<void>;
  /** Likewise of the audit log. */
  readonly audit: AuditAnswers;
  /** Others can go on with its holders; undefined: it serves again. */
  readonly onCutOff: (code: CutOffCode | undefined) => void;
}

/** Looks in a row at which another replica's counter stood still, or at which this one's beat was not answered. */
const silentLooks = 5;

/**
 * Joins, and keeps the counter going. Whether another replica is alive is told by its counter alone, in looks of this one's: a look counts only
 * when it was answered, so neither a clock that jumps nor a ledger that was away for everybody makes anybody dead.
 */
export async function joinReplicas(options: ReplicasOptions): Promise<Replicas> {
  const { ledger, replica, advertised, clock, log } = options;
  const address = advertised.pod ?? advertised.run ?? '';
  let { epoch } = await ledger.joinReplica({ id: replica, address });
  const seen = new Map<string, { readonly beats: number; readonly silent: number }>();
  const cutOff = createCutOff();
  const stopping = new AbortController();
  const isStopping = () => stopping.signal.aborted;
  const { signal } = stopping;
  let missed = 0;
  // A beat that waited for it would make others take this one for dead: it may take as long as the slowest database.
  const changed = createCoalesced(options.onChanged, {
    failed: (error) => log.warn('what follows from a change of replicas is left to a sweep', {}, error),
  });

  const observe = async (): Promise<boolean> => {
    const all = await ledger.beatReplica({ id: replica, answers: cutOff.answers() });
    const others = all.filter(({ id }) => id !== replica);
    cutOff.look(others);
    options.audit.look(others);
    for (const { id, beats } of all) {
      if (id === replica) continue;
      const before = seen.get(id);
      const silent = before?.beats === beats ? before.silent + 1 : 0;
      seen.set(id, { beats, silent });
      if (silent < silentLooks || !(await ledger.removeReplica({ id, beats }))) continue;
      log.warn('another replica is gone', { replica: id });
      seen.delete(id);
      changed.ask();
    }
    for (const id of seen.keys()) if (!all.some((one) => one.id === id)) seen.delete(id);
    return all.some(({ id }) => id === replica);
  };

  const beat = async (): Promise<void> => {
    if (await observe()) return;
    log.warn('this replica was taken for dead and joins again', {});
    ({ epoch } = await ledger.joinReplica({ id: replica, address }));
    changed.ask();
  };

  const cutOffFrom = (): CutOffCode | undefined => {
    // Alone, there is nobody to go to.
    if (seen.size === 0) return undefined;
    if (missed >= silentLooks) return 'ledger_unavailable';
    if (cutOff.isCutOffFrom('backend')) return 'backend_unavailable';
    return cutOff.isCutOffFrom(auditPart, auditSilentLooks) ? 'audit_unavailable' : undefined;
  };
  let told: CutOffCode | undefined;
  /** With each answer and each one that did not come, so that nothing that is told goes by what was. */
  const tell = (): void => {
    const now = cutOffFrom();
    if (isStopping() || now === told) return;
    told = now;
    options.onCutOff(now);
    if (now === undefined) log.info('this replica serves holders again', {});
  };

  const beats = createRecurring(beat, {
    // A ledger that says nothing is as far away as one that refuses: waiting for its time limits would be longer than others wait for us.
    missed: () => {
      missed += 1;
      tell();
    },
    done: () => {
      missed = 0;
      tell();
    },
    failed: (error) => {
      if (isStopping()) return;
      missed += 1;
      log.warn('the heartbeat of this replica failed', { code: LeaseholdError.from(error).code }, error);
      tell();
    },
  });
  const ask = (part: string, task: () => Promise<void>) => {
    const note = (answered: boolean) => () => {
      cutOff.note(part, answered);
      tell();
    };
    return createRecurring(task, { missed: note(false), done: note(true), failed: note(false) });
  };
  const asks = [ask('backend', () => options.askBackend(signal)), ask(auditPart, () => options.audit.ask())];

  const run = async (): Promise<void> => {
    while (!isStopping()) {
      // The first at once: one that is cut off before it has seen the others would take itself for the only one.
      beats.tick();
      if (seen.size > 0) for (const one of asks) one.tick();
      await clock.sleep(options.heartbeatMs, signal).catch(() => undefined);
    }
  };
  const running = run();

  const isGone = (id: string): boolean => (seen.get(id)?.silent ?? 0) >= silentLooks;
  return {
    owner: ({ kind }) => ({ replica, address: advertised[kind] ?? '', epoch }),
    otherOwner: ({ owner, identity }) => {
      if (owner === undefined || owner.replica === replica || isGone(owner.replica)) return undefined;
      // An earlier life of this one.
      return owner.address !== '' && owner.address === advertised[identity.kind] ? undefined : owner;
    },
    cutOffFrom,
    leave: async () => {
      stopping.abort();
      await Promise.all([running, beats.ended(), ...asks.map((one) => one.ended())]);
      await changed.stop();
      try {
        await ledger.removeReplica({ id: replica });
      } catch (error) {
        log.warn('others will notice by themselves that this replica is gone', {}, error);
      }
    },
  };
}

/** One thing that is done again and again, never twice at the same time. */
interface Recurring {
  /** Begins the next one, or tells that the last one is still under way. */
  tick(): void;
  ended(): Promise<void>;
}

function createRecurring(
  task: () => Promise<void>,
  told: { readonly missed: () => void; readonly done: () => void; readonly failed: (error: unknown) => void },
): Recurring {
  let underWay: Promise<void> | undefined;
  return {
    tick: () => {
      if (underWay !== undefined) {
        told.missed();
        return;
      }
      underWay = task()
        .then(told.done, told.failed)
        .finally(() => (underWay = undefined));
    },
    ended: async () => underWay,
  };
}
