import { systemClock, type Clock } from '../../../src/platform/clock.ts';

/** Enough for what has arrived to be read, answered and read again, all in this process. */
const turns = 30;

/**
 * A clock on which time goes by so many times faster: pauses stay in proportion and tests stay short. A limit of seconds is then one of some
 * milliseconds, as long as which a busy machine may stop the whole process: so what had arrived by then still comes before it.
 */
export function createFastClock(factor: number): Clock {
  return {
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic() * factor,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
    after: (ms, callback) => {
      let isCancelled = false;
      const cancel = systemClock.after(ms / factor, () => {
        void (async () => {
          for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
          if (!isCancelled) callback();
        })();
      });
      return () => {
        isCancelled = true;
        cancel();
      };
    },
  };
}
