import type { Clock } from '../platform/clock.ts';

/**
 * Keeps one engine from taking every slot: at one path only half of them are used at a time, and a quarter where requests hang. Renewals and
 * revocations are counted apart.
 */
export interface PathSlots {
  /** How long to wait before the next try, milliseconds; undefined when there is room. */
  pause(kind: PathWork, path: string): number | undefined;
  /** The returned function gives the slot back. */
  enter(kind: PathWork, path: string): () => void;
}

export type PathWork = 'renew' | 'revoke';

/** From when on a request counts as hanging. */
const slowMs = 3_000;
const busyPauseMs = 500;
const slowPauseMs = 5_000;

export function createPathSlots(options: {
  readonly clock: Clock;
  /** Of each kind of work. */
  readonly slots: number;
  readonly random: () => number;
}): PathSlots {
  const { clock, slots, random } = options;
  const entered = new Map<string, Set<{ readonly at: number }>>();
  const keyOf = (kind: PathWork, path: string) => `${kind}\n${path}`;
  return {
    pause: (kind, path) => {
      const all = entered.get(keyOf(kind, path)) ?? new Set();
      let slow = 0;
      for (const { at } of all) if (clock.monotonic() - at >= slowMs) slow += 1;
      if (slow >= Math.ceil(slots / 4)) return slowPauseMs * (1 + random());
      return all.size >= Math.ceil(slots / 2) ? busyPauseMs * (1 + random()) : undefined;
    },
    enter: (kind, path) => {
      const key = keyOf(kind, path);
      const own = { at: clock.monotonic() };
      const all = entered.get(key) ?? new Set();
      entered.set(key, all.add(own));
      return () => {
        all.delete(own);
        if (all.size === 0) entered.delete(key);
      };
    },
  };
}
