import type { SessionState } from '../ledger/ledger.ts';
import { isLeased } from '../policy/bundle.ts';
import { withdrawRefused } from './decide.ts';
import { endSession } from './end-session.ts';
import type { Parts } from './parts.ts';
import { holdKey } from './serial.ts';
import { deliverStatics } from './static-delivery.ts';

const heldStates: readonly SessionState[] = ['opening', 'active', 'superseded'];

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

/** Looks at the static secrets of every bundle that somebody here holds, when its interval is over, and delivers what changed. */
export async function refreshStatics(
  parts: Parts,
  delivered: Map<string, number>,
  due: (bundle: string, refreshSeconds: number) => boolean,
): Promise<void> {
  const byBundle = parts.hub.byBundle();
  for (const [name, attachedIds] of [...byBundle]) {
    const ids = [...attachedIds];
    const bundle = parts.policy.bundle(name);
    if (bundle === undefined || !bundle.secrets.some(({ kind }) => kind === 'static')) continue;
    if (!due(name, bundle.refreshSeconds)) continue;
    const before = parts.statics.peek(bundle);
    let snapshot;
    try {
      snapshot = await parts.statics.refresh(bundle, { signal: parts.signal });
    } catch (error) {
      parts.log.warn('static secrets could not be looked at', { bundle: name }, error);
      if (!isLeased(bundle))
        for (const id of ids) parts.trouble.began(id, 'backend_unavailable', parts.backend.now());
      continue;
    }
    for (const id of ids) if (!isLeased(bundle)) parts.trouble.ended(id);
    const last = delivered.get(name) ?? before?.id;
    delivered.set(name, snapshot.id);
    if (last === undefined || last === snapshot.id) continue;
    for (const id of ids) {
      try {
        await parts.serial.run(holdKey((await workloadOf(parts, id)) ?? id, name), async () => {
          const session = await parts.ledger.findSession(id);
          if (session?.state === 'active' && parts.hub.isAttached(id))
            await deliverStatics(parts, { session, bundle, signal: parts.signal });
        });
      } catch (error) {
        parts.log.warn('a new version could not be delivered', { session: id }, error);
      }
    }
  }
  for (const name of delivered.keys()) {
    if (byBundle.has(name)) continue;
    delivered.delete(name);
    parts.statics.forget(name);
  }
}

async function workloadOf(parts: Parts, session: string): Promise<string | undefined> {
  return (await parts.ledger.findSession(session))?.workload;
}
