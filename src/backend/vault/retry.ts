import type { Clock } from '../../platform/clock.ts';
import { hasCode } from '../../platform/error.ts';

const attempts = 3;
const firstDelayMs = 200;
/** Longer waits are the caller's, who knows what else is waiting. */
const longestDelayMs = 5000;

/**
 * Repeats a call that may safely happen twice, at most three times in all, with jitter. Only codes that a moment may cure
 * count: out of reach, throttled, reply lost. A call that ran into its own time limit has waited long enough.
 */
export async function withRetries<T>(
  call: (attempt: number) => Promise<T>,
  options: { readonly clock: Clock; readonly random: () => number; readonly signal: AbortSignal },
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call(attempt);
    } catch (error) {
      if (attempt >= attempts) throw error;
      if (!hasCode(error, 'backend_unavailable', 'backend_throttled', 'backend_lost_reply')) throw error;
      const asked = error.retryAfterMs ?? 0;
      if (asked > longestDelayMs) throw error;
      const delay = Math.max(asked, firstDelayMs * 2 ** (attempt - 1) * (0.5 + options.random() / 2));
      await options.clock.sleep(delay, options.signal);
    }
  }
}
