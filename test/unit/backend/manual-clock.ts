import type { Clock } from '../../../src/platform/clock.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';

/** Time that passes only when the test says so. */
export interface ManualClock extends Clock {
  /** Moves both clocks on and calls back what is due, in order of time. */
  advance(ms: number): void;
  /** Timers not yet due. */
  timers(): number;
}

/** Starts at the given wall-clock time. */
export function createManualClock(startAt = Date.UTC(2026, 0, 1)): ManualClock {
  let elapsed = 0;
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  const after = (ms: number, callback: () => void) => {
    const timer = { at: elapsed + ms, callback };
    timers.add(timer);
    return () => void timers.delete(timer);
  };
  return {
    now: () => startAt + elapsed,
    monotonic: () => elapsed,
    after,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) {
          reject(new LeaseholdError('cancelled'));
          return;
        }
        const onAbort = () => {
          cancel();
          reject(new LeaseholdError('cancelled'));
        };
        const cancel = after(ms, () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        });
        signal.addEventListener('abort', onAbort, { once: true });
      }),
    advance: (ms) => {
      const until = elapsed + ms;
      for (;;) {
        const due = [...timers].filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
        if (due === undefined) break;
        elapsed = Math.max(elapsed, due.at);
        timers.delete(due);
        due.callback();
      }
      elapsed = until;
    },
    timers: () => timers.size,
  };
}
