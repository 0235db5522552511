import type { Clock } from '../platform/clock.ts';
import { endsWithin } from '../platform/ends-within.ts';
import { hasCode, LeaseholdError } from '../platform/error.ts';

/** Far enough apart for a controller that is busy. */
const pauseMs = 1_000;

/**
 * Asks Slurm, and again when that fails: a job must not fail for one question that got no answer. Throws `workload_stale` when `ms` are over; what was
 * asked last goes on by itself, and nobody waits for it.
 */
export async function askAgain<Value>(options: {
  readonly ask: () => Promise<Value>;
  readonly ms: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): Promise<Value> {
  const { ask, clock, signal } = options;
  const until = clock.monotonic() + options.ms;
  for (;;) {
    try {
      const ended = await endsWithin(ask(), { clock, ms: Math.max(0, until - clock.monotonic()) });
      if (ended !== undefined) return ended.value;
      throw new LeaseholdError('workload_stale', { detail: 'the scheduler does not answer in time' });
    } catch (error) {
      if (!hasCode(error, 'workload_stale') || clock.monotonic() + pauseMs >= until) throw error;
    }
    await clock.sleep(pauseMs, signal);
  }
}
