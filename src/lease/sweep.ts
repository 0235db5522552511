import { heldStates } from '../ledger/ledger.ts';
import { withdrawRefused } from './decide.ts';
import { endSession } from './end-session.ts';
import type { Attached } from './hub.ts';
import type { Parts } from './parts.ts';

/** Ends what a workload still holds, once its cluster has said that it is over. */
export async function endWorkload(parts: Parts, workload: string): Promise<void> {
  const sessions = await parts.ledger.listSessions({ workload, states: heldStates, limit: 1_000 });
  const ends = await Promise.allSettled(
    sessions.map(({ id }) => endSession(parts, { session: id, reason: 'workload_ended', tombstone: false })),
  );
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  await parts.ledger.removeTombstonesOf(workload);
}

/**
 * Compares the ledger with what the clusters say: covers workloads that ended while no broker was up, and events that got lost.
 * `ended` is what was seen, or what a fresh and complete view lacks; silence ends nothing.
 */
export async function sweepWorkloads(parts: Parts): Promise<void> {
  for (const workload of await parts.ledger.listHeldWorkloads()) {
    if (parts.states.state(workload).phase !== 'ended') continue;
    try {
      await endWorkload(parts, workload);
    } catch (error) {
      parts.log.error('a workload that has ended still holds something', { workload }, error);
    }
  }
}

/** Sends away who is still attached for a workload that has ended. */
export type StreamSweep = () => void;

/**
 * A stream outlives its workload where nobody ends it: a node that is not its cluster's any more, a pod that was taken over. Found on two sweeps,
 * so that a holder that has just been told to wipe can say on its stream that it has.
 */
export function createStreamSweep(parts: Pick<Parts, 'hub' | 'states'>): StreamSweep {
  const found = new WeakSet<Attached>();
  return () => {
    for (const attached of parts.hub.all()) {
      if (parts.states.state(attached.verified.identity.workload).phase !== 'ended') continue;
      if (found.has(attached)) attached.send({ kind: 'sent_away', code: 'workload_ended' });
      found.add(attached);
    }
  };
}

/** After a policy reload: what is no longer granted is taken back, without a tombstone. */
export interface GrantSweep {
  sweep(): Promise<void>;
  /** Sweeps again when something could not be looked at or ended. */
  retry(): Promise<void>;
}

export function createGrantSweep(parts: Parts): GrantSweep {
  let isIncomplete = false;
  const sweep = async () => {
    isIncomplete = false;
    for (const id of parts.hub.sessions()) {
      try {
        const session = await parts.ledger.findSession(id);
        if (session !== undefined && heldStates.includes(session.state))
          await withdrawRefused(parts, session);
      } catch (error) {
        isIncomplete = true;
        parts.log.error('a session could not be compared with the new policy yet', { session: id }, error);
      }
    }
  };
  return { sweep, retry: async () => (isIncomplete ? sweep() : undefined) };
}

/** Tombstones of workloads that ended while no broker was up, or in the moment in which they were written. */
export async function sweepTombstones(parts: Parts): Promise<void> {
  const workloads = new Set((await parts.ledger.listTombstones()).map(({ workload }) => workload));
  for (const workload of workloads) {
    if (parts.states.state(workload).phase === 'ended') await parts.ledger.removeTombstonesOf(workload);
  }
}
