import type { Clock } from '../platform/clock.ts';
import type { Freshness, WorkloadPhase, WorkloadState } from './identity.ts';
import type { PodRecord } from './pod-record.ts';
import type { PodFeed } from './pod-source.ts';

/*
 * Life of a pod in the view:
 *
 *   (absent) → running → terminating → ended
 *                  └──────────────────────┘
 *
 * Moves go forward only. A look-up and the watch may arrive in either order, so an older report must not bring back what
 * a newer one ended. Ended pods are forgotten but for a bounded memory of their UIDs.
 */

/** A pod whose `deletionTimestamp` is this far past has ended, whatever a lost node still claims. */
export const deletionGraceMs = 30_000;

export type PodListener = (uid: string, phase: 'terminating' | 'ended') => void;

/** One cluster's pods, in memory. */
export interface PodView extends PodFeed {
  get(uid: string): PodRecord | undefined;
  /** What is known of a UID that `get` does not have: seen to end, or asked for and not there. */
  past(uid: string): 'ended' | 'absent' | undefined;
  /** A pod found by asking for it, ahead of the watch. Never brings back one that has ended. */
  insert(record: PodRecord): void;
  /** Asked for and not there. */
  markAbsent(uid: string): void;
  state(uid: string): WorkloadState;
  freshness(): Freshness;
  /** Milliseconds since the source was last in step; infinite before the first list. */
  ageMs(): number;
  size(): number;
  /** Resolves when the first list is complete. */
  readonly ready: Promise<void>;
  close(): void;
}

export interface PodViewOptions {
  readonly clock: Clock;
  readonly staleAfterMs: number;
  readonly lostAfterMs: number;
  /** How many UIDs of ended and absent pods are remembered. */
  readonly maxPast: number;
  /** Told of each move to terminating or ended of a pod that the view knew, or whose end the source reports. */
  readonly listener: PodListener;
}

export function createPodView(options: PodViewOptions): PodView {
  const { clock, staleAfterMs, lostAfterMs, maxPast, listener } = options;
  const pods = new Map<string, PodRecord>();
  const past = new Map<string, 'ended' | 'absent'>();
  const timers = new Map<string, () => void>();
  /** While a list is under way: pods it has named, and pods that were found by asking since it began. */
  let underway: { readonly named: Set<string>; readonly found: Set<string> } | undefined;
  let touchedAt = Number.NEGATIVE_INFINITY;
  let isComplete = false;
  const ready = Promise.withResolvers<undefined>();

  const remember = (uid: string, what: 'ended' | 'absent') => {
    past.delete(uid);
    past.set(uid, what);
    if (past.size <= maxPast) return;
    for (const oldest of past.keys()) {
      past.delete(oldest);
      break;
    }
  };

  const stopTimer = (uid: string) => {
    timers.get(uid)?.();
    timers.delete(uid);
  };

  const end = (uid: string) => {
    stopTimer(uid);
    pods.delete(uid);
    const wasEnded = past.get(uid) === 'ended';
    remember(uid, 'ended');
    if (!wasEnded) listener(uid, 'ended');
  };

  /**
   * Until a pod that is being deleted counts as ended. One that was running a moment ago has its whole grace period before it, whatever this
   * machine's wall clock says: only where the deletion is older than the view does that clock have to tell how much is left.
   */
  const leftMs = (record: PodRecord, deletionAt: number, wasKnown: boolean): number => {
    const byWallClock = deletionAt + deletionGraceMs - clock.now();
    if (record.gracePeriodSeconds === undefined) return byWallClock;
    const whole = record.gracePeriodSeconds * 1000 + deletionGraceMs;
    return wasKnown && freshness() === 'fresh' ? whole : Math.min(whole, byWallClock);
  };

  /** Counted on the monotonic clock, so that a jump of the wall clock ends nobody. */
  const endAt = (uid: string, monotonicMs: number) => {
    stopTimer(uid);
    const left = monotonicMs - clock.monotonic();
    if (left <= 0) end(uid);
    // A timer may fire early: by a fraction, or by weeks when the grace period is longer than a timer can wait.
    else
      timers.set(
        uid,
        clock.after(left, () => endAt(uid, monotonicMs)),
      );
  };

  const put = (record: PodRecord) => {
    if (past.get(record.uid) === 'ended') return;
    if (record.finished) {
      end(record.uid);
      return;
    }
    past.delete(record.uid);
    const before = pods.get(record.uid);
    const next = before === undefined ? record : merge(before, record);
    pods.set(record.uid, next);
    if (next.deletionAt === undefined || next.deletionAt === before?.deletionAt) return;
    if (before?.deletionAt === undefined) listener(record.uid, 'terminating');
    endAt(record.uid, clock.monotonic() + leftMs(next, next.deletionAt, before !== undefined));
  };

  const freshness = (): Freshness => {
    const age = clock.monotonic() - touchedAt;
    return age <= staleAfterMs ? 'fresh' : age <= lostAfterMs ? 'stale' : 'lost';
  };

  const phase = (uid: string): WorkloadPhase => {
    const record = pods.get(uid);
    if (record !== undefined) return record.deletionAt === undefined ? 'running' : 'terminating';
    if (past.has(uid)) return 'ended';
    // An old view does not know what has started since, so its silence about a pod proves nothing.
    return isComplete && freshness() === 'fresh' ? 'ended' : 'unknown';
  };

  return {
    get: (uid) => pods.get(uid),
    past: (uid) => past.get(uid),
    put,
    insert: (record) => {
      underway?.found.add(record.uid);
      put(record);
    },
    remove: end,
    markAbsent: (uid) => {
      if (!pods.has(uid) && !past.has(uid)) remember(uid, 'absent');
    },
    beginList: () => {
      const list = { named: new Set<string>(), found: new Set<string>() };
      underway = list;
      return {
        put: (record) => {
          list.named.add(record.uid);
          put(record);
        },
        commit: () => {
          if (underway !== list) return [];
          underway = undefined;
          const unnamed = [...pods.values()].filter(({ uid }) => !list.named.has(uid));
          for (const { uid } of unnamed) if (!list.found.has(uid)) end(uid);
          isComplete = true;
          ready.resolve(undefined);
          return unnamed.filter(({ uid }) => list.found.has(uid));
        },
      };
    },
    touch: (monotonicMs) => {
      touchedAt = Math.max(touchedAt, monotonicMs);
    },
    state: (uid) => ({ phase: phase(uid), freshness: freshness() }),
    freshness,
    ageMs: () => clock.monotonic() - touchedAt,
    size: () => pods.size,
    ready: ready.promise,
    close: () => {
      for (const uid of [...timers.keys()]) stopTimer(uid);
    },
  };
}

/** A deletion is never taken back and a pod never leaves its node, whichever report comes last. */
function merge(before: PodRecord, next: PodRecord): PodRecord {
  return {
    ...next,
    node: next.node === '' ? before.node : next.node,
    deletionAt: next.deletionAt ?? before.deletionAt,
    gracePeriodSeconds: next.gracePeriodSeconds ?? before.gracePeriodSeconds,
  };
}
