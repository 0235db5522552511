import type { Clock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';

/** Some at a time, for callers that wait, but not for ever: those that have proved nothing yet, and those that would do the same twice at once. */
export interface Turns {
  /** Throws `overloaded` when too many wait already, or this one waited too long. */
  run<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T>;
  /** How many wait. */
  waiting(): number;
}

/** Waiting callers for each one that is being looked at. */
const waitingPerTurn = 64;
const longestWaitMs = 10_000;

export function createTurns(options: { readonly concurrency: number; readonly clock: Clock }): Turns {
  const waiting = new Set<() => void>();
  let running = 0;
  const next = () => {
    running -= 1;
    const [first] = waiting;
    first?.();
  };
  const turn = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      if (waiting.size >= options.concurrency * waitingPerTurn) {
        reject(new LeaseholdError('overloaded', { retryAfterMs: longestWaitMs }));
        return;
      }
      const leave = (error?: LeaseholdError) => {
        waiting.delete(start);
        cancel();
        signal.removeEventListener('abort', onAbort);
        if (error === undefined) {
          running += 1;
          resolve();
        } else reject(error);
      };
      const start = () => leave();
      const onAbort = () => leave(new LeaseholdError('cancelled'));
      const cancel = options.clock.after(longestWaitMs, () =>
        leave(new LeaseholdError('overloaded', { retryAfterMs: longestWaitMs })),
      );
      waiting.add(start);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  return {
    run: async (task, signal) => {
      if (signal.aborted) throw new LeaseholdError('cancelled');
      if (running < options.concurrency) running += 1;
      else await turn(signal);
      try {
        return await task();
      } finally {
        next();
      }
    },
    waiting: () => waiting.size,
  };
}
