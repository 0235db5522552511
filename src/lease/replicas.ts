import type { Identity } from '../identity/identity.ts';
import type { Ledger, Owner, Session } from '../ledger/ledger.ts';
import type { Clock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';

/** host:port at which the holders of each kind of workload reach this replica; what is missing is not redirected to. */
export type Advertised = Readonly<Partial<Record<Identity['kind'], string>>>;

/** What this replica knows of the others that share its ledger. */
export interface Replicas {
  /** What it claims the values of a session with. */
  owner(identity: Identity): Owner;
  /** The owner of a session's values, when that is another replica that is not known to be gone. */
  otherOwner(session: Pick<Session, 'owner' | 'identity'>): Owner | undefined;
  /** The ledger has not been reached for so long that others will have taken this replica for dead. */
  isCutOff(): boolean;
  /** Gives up what it owns, so that nobody waits for it. Never rejects. */
  leave(): Promise<void>;
}

export interface ReplicasOptions {
  readonly ledger: Ledger;
  readonly replica: string;
  readonly advertised: Advertised;
  readonly clock: Clock;
  readonly log: Log;
  readonly heartbeatMs: number;
  /** Others are gone. */
  readonly onGone: () => Promise<void>;
  /** It was taken for dead and has joined again: what the ledger says about its holders is to be put right. */
  readonly onRejoined: () => Promise<void>;
  /** Others may go on with its holders. */
  readonly onCutOff: () => void;
}

/** Looks in a row at which another replica's counter stood still. */
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
  const stopping = new AbortController();
  const isStopping = () => stopping.signal.aborted;
  let missed = 0;

  const observe = async (): Promise<boolean> => {
    const all = await ledger.beatReplica(replica);
    let removed = false;
    for (const { id, beats } of all) {
      if (id === replica) continue;
      const before = seen.get(id);
      const silent = before?.beats === beats ? before.silent + 1 : 0;
      seen.set(id, { beats, silent });
      if (silent < silentLooks || !(await ledger.removeReplica({ id, beats }))) continue;
      log.warn('another replica is gone', { replica: id });
      removed = true;
    }
    for (const id of seen.keys()) if (!all.some((one) => one.id === id)) seen.delete(id);
    if (removed) await options.onGone();
    return all.some(({ id }) => id === replica);
  };

  const beat = async (): Promise<void> => {
    if (await observe()) return;
    log.warn('this replica was taken for dead and joins again', {});
    ({ epoch } = await ledger.joinReplica({ id: replica, address }));
    await options.onRejoined();
  };

  const run = async (): Promise<void> => {
    while (!isStopping()) {
      try {
        await clock.sleep(options.heartbeatMs, stopping.signal);
        await beat();
        missed = 0;
      } catch (error) {
        if (isStopping()) return;
        missed += 1;
        log.warn('the heartbeat of this replica failed', { code: LeaseholdError.from(error).code }, error);
        // Alone, there is nobody to go to.
        if (missed === silentLooks && seen.size > 0) options.onCutOff();
      }
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
    isCutOff: () => missed >= silentLooks && seen.size > 0,
    leave: async () => {
      stopping.abort();
      await running;
      try {
        await ledger.removeReplica({ id: replica });
      } catch (error) {
        log.warn('others will notice by themselves that this replica is gone', {}, error);
      }
    },
  };
}
