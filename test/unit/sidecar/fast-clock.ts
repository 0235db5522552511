import { systemClock, type Clock } from '../../../src/platform/clock.ts';

/** A clock on which time goes by so many times faster: pauses stay in proportion and tests stay short. */
export function createFastClock(factor: number): Clock {
  return {
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic() * factor,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
    after: (ms, callback) => systemClock.after(ms / factor, callback),
  };
}
