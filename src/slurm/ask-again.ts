import type { Clock } from '../platform/clock.ts';
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
      return await within(ask(), Math.max(0, until - clock.monotonic()), clock);
    } catch (error) {
      if (!hasCode(error, 'workload_stale') || clock.monotonic() + pauseMs >= until) throw error;
    }
    await clock.sleep(pauseMs, signal);
  }
}

async function within<Value>(work: Promise<Value>, ms: number, clock: Clock): Promise<Value> {
  let cancel: () => void = () => undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const detail = 'the scheduler does not answer in time';
    cancel = clock.after(ms, () => reject(new LeaseholdError('workload_stale', { detail })));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    cancel();
  }
}
