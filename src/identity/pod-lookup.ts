import type { Clock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import { unlessAborted } from './abort.ts';
import type { IdentityEvents } from './identity-events.ts';
import type { PodRecord } from './pod-record.ts';
import type { PodSource } from './pod-source.ts';
import type { PodView } from './pod-view.ts';

/** Asks the cluster about a pod that the view does not know (yet). */
export interface PodLookup {
  /**
   * The pod with this name and UID as the cluster has it now; the view knows it from then on. Those who ask for one pod at
   * the same time share one call, and all calls together stay under a rate: the token was verified before, but its pod may
   * be long gone, and a thief may have many. Throws `workload_unknown`, `workload_ended` or `identity_unavailable`.
   */
  find(
    pod: { readonly uid: string; readonly namespace: string; readonly name: string },
    signal: AbortSignal,
  ): Promise<PodRecord>;
  close(): void;
}

export interface PodLookupOptions {
  readonly cluster: string;
  readonly source: PodSource;
  readonly view: PodView;
  readonly clock: Clock;
  readonly events: IdentityEvents;
  /** Calls that may go out at once after a quiet time, and how many a second in the long run. */
  readonly burst: number;
  readonly perSecond: number;
}

export function createPodLookup(options: PodLookupOptions): PodLookup {
  const { cluster, source, view, clock, events, burst, perSecond } = options;
  const lifetime = new AbortController();
  const underway = new Map<string, Promise<PodRecord | undefined>>();
  let tokens = burst;
  let refilledAt = clock.monotonic();

  const takeToken = () => {
    const now = clock.monotonic();
    tokens = Math.min(burst, tokens + ((now - refilledAt) / 1000) * perSecond);
    refilledAt = now;
    if (tokens < 1) {
      events.podLookedUp(cluster, 'limited');
      throw new LeaseholdError('identity_unavailable', {
        detail: 'too many questions about unknown pods',
        retryAfterMs: Math.ceil(((1 - tokens) / perSecond) * 1000),
      });
    }
    tokens -= 1;
  };

  const ask = async (namespace: string, name: string): Promise<PodRecord | undefined> => {
    try {
      const record = await source.find(namespace, name, lifetime.signal);
      events.podLookedUp(cluster, record === undefined ? 'absent' : 'found');
      if (record !== undefined) view.insert(record);
      return record;
    } catch (error) {
      events.podLookedUp(cluster, 'failed');
      throw LeaseholdError.from(error);
    }
  };

  const askShared = (namespace: string, name: string): Promise<PodRecord | undefined> => {
    const key = `${namespace}/${name}`;
    const running = underway.get(key);
    if (running !== undefined) {
      events.podLookedUp(cluster, 'shared');
      return running;
    }
    takeToken();
    const asked = ask(namespace, name).finally(() => underway.delete(key));
    underway.set(key, asked);
    return asked;
  };

  return {
    find: async ({ uid, namespace, name }, signal) => {
      const found = await unlessAborted(askShared(namespace, name), signal);
      // A name is never used twice at a time, so another UID under it means that this pod is gone.
      if (found?.uid !== uid) {
        view.markAbsent(uid);
        throw new LeaseholdError('workload_unknown', { detail: 'the cluster has no such pod' });
      }
      // Through the view, because the watch may have reported its end while the answer was on its way.
      const record = view.get(uid);
      if (record === undefined) throw new LeaseholdError('workload_ended');
      return record;
    },
    close: () => lifetime.abort(),
  };
}
