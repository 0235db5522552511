import type { Clock } from '../platform/clock.ts';

/** A limit on how many messages of one stream are handled; those that come faster wait where they are, unread. */
export interface MessageRate {
  /** Throws `cancelled` when the stream ends during the wait. */
  pass(): Promise<void>;
}

/** A holder of many bundles opens and acknowledges them all at once when it starts; after that there is little to say. */
const burst = 256;
const perSecond = 32;

/** A bucket that holds a burst and fills at a steady rate. */
export function createMessageRate({
  clock,
  signal,
}: {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): MessageRate {
  let left = burst;
  let filledAt = clock.monotonic();
  return {
    pass: async () => {
      const now = clock.monotonic();
      left = Math.min(burst, left + ((now - filledAt) / 1000) * perSecond);
      filledAt = now;
      left -= 1;
      if (left < 0) await clock.sleep((-left / perSecond) * 1000, signal);
    },
  };
}
