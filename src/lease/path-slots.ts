import type { Clock } from '../platform/clock.ts';

/**
 * Keeps one engine from taking every slot: at one path only half of them are used at a time, and a quarter where requests hang. Renewals and
 * revocations are counted apart.
 */
export interface PathSlots {
  /**
   * Resolves when there is room, after half a second at the latest, and at once where too many wait already or requests hang: so that a slot that
   * gets free is taken in the same moment, and a queue of thousands is not put back and claimed again for each.
   */
  line(kind: PathWork, path: string): Promise<void>;
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
  const lines = new Map<string, (() => void)[]>();
  const keyOf = (kind: PathWork, path: string) => `${kind}\n${path}`;
  const isFull = (key: string) => (entered.get(key)?.size ?? 0) >= Math.ceil(slots / 2);
  const hangs = (key: string) => {
    let slow = 0;
    for (const { at } of entered.get(key) ?? []) if (clock.monotonic() - at >= slowMs) slow += 1;
    return slow >= Math.ceil(slots / 4);
  };
  return {
    line: async (kind, path) => {
      const key = keyOf(kind, path);
      const line = lines.get(key) ?? [];
      if (!isFull(key) || hangs(key) || line.length >= Math.ceil(slots / 4)) return;
      await new Promise<void>((resolve) => {
        const go = () => {
          cancel();
          line.splice(line.indexOf(go), 1);
          if (line.length === 0) lines.delete(key);
          resolve();
        };
        const cancel = clock.after(busyPauseMs, go);
        line.push(go);
        lines.set(key, line);
      });
    },
    pause: (kind, path) => {
      const key = keyOf(kind, path);
      if (hangs(key)) return slowPauseMs * (1 + random());
      return isFull(key) ? busyPauseMs * (1 + random()) : undefined;
    },
    enter: (kind, path) => {
      const key = keyOf(kind, path);
      const own = { at: clock.monotonic() };
      const all = entered.get(key) ?? new Set();
      entered.set(key, all.add(own));
      return () => {
        all.delete(own);
        if (all.size === 0) entered.delete(key);
        lines.get(key)?.[0]?.();
      };
    },
  };
}
