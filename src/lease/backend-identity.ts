import type { Backend } from '../backend/backend.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import type { LeaseEvents } from './events.ts';

/**
 * Which backend it is that answers. One that was wiped, or replaced by another, says "not found" of everything: that proves nothing about
 * what the one before it made, whose accounts may well live on at their database.
 */
export interface BackendIdentity {
  /** Asks, and notes a change. A backend that is away is not a change. Throws `ledger_*`. */
  check(): Promise<void>;
  /** It has answered in this life of the broker: until then its clock is not known, and the local one may be wrong by hours. */
  hasAnswered(): boolean;
  /** Whether the backend that answers now made what was made at that instant. Throws `backend_*` when that cannot be asked. */
  made(createdAt: number): Promise<boolean>;
}

const clusterIdKey = 'backend.cluster_id';
/** When another cluster id was first seen: whatever is older was made by the backend before. */
const changedAtKey = 'backend.changed_at';

export function createBackendIdentity(options: {
  readonly backend: Pick<Backend, 'clusterId' | 'now'>;
  readonly ledger: Pick<Ledger, 'readMeta' | 'writeMeta'>;
  readonly events: Pick<LeaseEvents, 'count'>;
  readonly log: Log;
  readonly signal: AbortSignal;
}): BackendIdentity {
  const { backend, ledger, events, log, signal } = options;

  let answered = false;
  const ask = async (): Promise<number> => {
    const found = await backend.clusterId({ signal });
    answered = true;
    // From the ledger each time: another replica may have noticed first.
    const known = await ledger.readMeta(clusterIdKey);
    if (known === undefined) await ledger.writeMeta(clusterIdKey, found);
    if (known === undefined || known === found) return Number((await ledger.readMeta(changedAtKey)) ?? 0);
    const at = backend.now();
    // In this order: a crash in between only finds the change again.
    await ledger.writeMeta(changedAtKey, String(at));
    await ledger.writeMeta(clusterIdKey, found);
    events.count('backend_changed');
    log.error('the secret backend is not the one that this ledger knows: its "not found" proves nothing', {
      known,
      found,
    });
    return at;
  };

  let asking: Promise<unknown> = Promise.resolve();
  /** Since when it has been this one; 0 when it was never another. One after the other, so that a change is noted once. */
  const since = (): Promise<number> => {
    const asked = asking.then(ask);
    asking = asked.catch(() => undefined);
    return asked;
  };

  return {
    check: async () => {
      try {
        await since();
      } catch (error) {
        if (LeaseholdError.from(error).code.startsWith('ledger_')) throw error;
        log.warn('the secret backend cannot be asked for its cluster id yet', {}, error);
      }
    },
    hasAnswered: () => answered,
    made: async (createdAt) => createdAt >= (await since()),
  };
}
