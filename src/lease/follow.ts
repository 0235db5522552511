import type { Session } from '../ledger/ledger.ts';
import type { LedgerChange } from '../ledger/replicas.ts';
import { followEnd, followHeld, isOver } from './follow-held.ts';
import type { Parts } from './parts.ts';
import { holdKey } from './serial.ts';

/**
 * Brings what is here (streams, values) in line with what the ledger says, which another replica may have changed. What this one changed
 * itself finds nothing to do.
 */
export interface Follow {
  /** One change of the feed. Never rejects. */
  change(change: LedgerChange): Promise<void>;
  /**
   * Everything here; for what the feed lost. Ends first, which wait for nothing; what fails for one session is left to the next sweep and
   * keeps it from no other. Does not wait for a session that somebody has a hold on, which may be as long as a database takes.
   */
  sweep(): Promise<void>;
  /** Begins nothing more; resolves when what has begun is done. */
  stop(): Promise<void>;
}

export function createFollow(parts: Parts, sweepRules: () => Promise<void>): Follow {
  const { hub, ledger, log, values } = parts;
  /** Sessions whose turn has not come yet: what there is to follow is read then. */
  const waiting = new Set<string>();
  const begun = new Set<Promise<void>>();
  let isStopped = false;

  const leftToSweep = (id: string) => (error: unknown) =>
    log.warn('a session is left to the next sweep', { session: id }, error);

  const track = (task: Promise<void>): Promise<void> => {
    const tracked = task.finally(() => begun.delete(tracked));
    begun.add(tracked);
    return tracked;
  };

  /** Once its turn comes. Resolves with what the ledger says followed, or at once where somebody has a hold on the session. */
  const startHeld = async (session: Session): Promise<void> => {
    const { id } = session;
    if (waiting.has(id)) return;
    waiting.add(id);
    const key = holdKey(session);
    const isTaken = parts.serial.isTaken(key);
    const followed = Promise.withResolvers<undefined>();
    const follow = async (): Promise<void> => {
      try {
        const rest = await followHeld(parts, id);
        followed.resolve(undefined);
        await rest?.();
      } catch (error) {
        leftToSweep(id)(error);
      }
      followed.resolve(undefined);
    };
    void parts.serial.run(key, async () => {
      waiting.delete(id);
      if (isStopped) followed.resolve(undefined);
      else await track(follow());
    });
    if (!isTaken) await followed.promise;
  };

  /** Ends it here when it is over; else returns what has to wait for its turn. */
  const look = async (id: string): Promise<Session | undefined> => {
    const session = await ledger.findSession(id);
    if (session !== undefined && !isOver(session)) return session;
    await followEnd(parts, id, session);
    return undefined;
  };

  const one = async (id: string): Promise<void> => {
    parts.events.changed(id);
    if (!hub.isAttached(id) && !values.has(id)) return;
    const session = await look(id);
    if (session !== undefined) await startHeld(session);
  };

  const sweep = async (): Promise<void> => {
    const held = new Map(
      (await ledger.listHeldBy(parts.replica)).map(({ session, generation }) => [session, generation]),
    );
    const isBehind = (id: string) =>
      hub.attachedTo(id).some(({ sent }) => sent.get(id) !== held.get(id)) || !hub.isAttached(id);
    const live: Session[] = [];
    for (const id of new Set([...hub.sessions(), ...values.sessions(), ...held.keys()])) {
      if (isStopped) return;
      if (!isBehind(id)) continue;
      parts.events.changed(id);
      const session = await look(id).catch(leftToSweep(id));
      if (session !== undefined) live.push(session);
    }
    for (const session of live) {
      if (isStopped) return;
      await startHeld(session);
    }
  };

  const change = async (change: LedgerChange): Promise<void> => {
    try {
      if (change.kind === 'session') await one(change.id);
      else if (change.kind === 'missed') await sweep();
      else {
        parts.locks.reread();
        await sweepRules();
      }
    } catch (error) {
      log.warn('a change by another replica is left to the next sweep', { kind: change.kind }, error);
    }
  };

  return {
    change: async (one) => (isStopped ? undefined : track(change(one))),
    sweep: async () => (isStopped ? undefined : track(sweep())),
    stop: async () => {
      isStopped = true;
      await Promise.allSettled(begun);
    },
  };
}
