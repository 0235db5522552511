import type { ErrorCode } from '../src/platform/error.ts';
import type { RevokedReason } from '../src/rpc/client/hold-messages.ts';
import { createBackoff } from './backoff.ts';

/** When a bundle is asked for again. */
export interface Pace {
  /** Milliseconds; with full jitter, growing until `reset`. `leastMs` is the broker's own wish. */
  soon(leastMs?: number): number;
  /** Milliseconds, one to five minutes: nothing that a holder can do changes the answer. */
  slow(leastMs?: number): number;
  reset(): void;
}

const slowMs = { least: 60_000, most: 300_000 };

export function createPace(random: () => number): Pace {
  const backoff = createBackoff({ firstMs: 2_000, capMs: 30_000, random });
  // Jitter on top of the broker's wish, or all that were told the same come back at the same moment.
  const atLeast = (ms: number, leastMs: number) => Math.max(ms, leastMs * (1 + random() / 4));
  return {
    soon: (leastMs = 0) => atLeast(backoff.next(), leastMs),
    slow: (leastMs = 0) => atLeast(slowMs.least + random() * (slowMs.most - slowMs.least), leastMs),
    reset: () => backoff.reset(),
  };
}

/** What a refusal means for files that an earlier session has left in place, and when to ask again. */
export interface RefusalMeaning {
  /** The broker's word that this workload may not hold the bundle, or that the session is over or another's. */
  readonly removesFiles: boolean;
  readonly pace: 'soon' | 'slow';
}

/** Only a person or a policy can change these. */
const decided = new Set<ErrorCode>([
  'bundle_unknown',
  'locked',
  'not_granted',
  'tombstoned',
  'workload_ended',
  'workload_unknown',
]);

export function meaningOfRefusal(code: ErrorCode): RefusalMeaning {
  if (decided.has(code)) return { removesFiles: true, pace: 'slow' };
  // Files of a session that the broker does not count as this workload's may be another workload's altogether.
  if (code === 'session_ended' || code === 'session_unknown') return { removesFiles: true, pace: 'soon' };
  if (code === 'workload_terminating' || code === 'request_invalid') {
    return { removesFiles: false, pace: 'slow' };
  }
  return { removesFiles: false, pace: 'soon' };
}

/** The end of a whole stream that speaks of the workload itself, and so of every bundle that it holds. */
export function isWorkloadGone(code: ErrorCode | undefined): code is 'workload_ended' | 'workload_unknown' {
  return code === 'workload_ended' || code === 'workload_unknown';
}

export function paceAfterRevoke(reason: RevokedReason, mayReopen: boolean): 'soon' | 'slow' {
  return mayReopen && reason !== 'admin' && reason !== 'locked' ? 'soon' : 'slow';
}
