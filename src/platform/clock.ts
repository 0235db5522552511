import { setTimeout as delay } from 'node:timers/promises';
import { LeaseholdError } from './error.ts';

/** Time is passed in, so that tests own it. */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. May jump. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back and never jumps. For durations and time-outs. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with `cancelled` when the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Calls back once after `ms` of monotonic time; the returned function cancels. Does not keep the process alive. */
  after(ms: number, callback: () => void): () => void;
}

/** setTimeout turns a longer delay into 1 ms. */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await delay(Math.min(Math.max(0, ms), longestTimerMs), undefined, { signal });
    } catch (error) {
      throw new LeaseholdError('cancelled', { cause: error });
    }
  },
  after: (ms, callback) => {
    const timer = setTimeout(callback, Math.min(Math.max(0, ms), longestTimerMs));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
