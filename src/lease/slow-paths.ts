import type { Clock } from '../platform/clock.ts';

/** Notices engine paths at which revocations hang, so that they do not take every slot from the others. */
export interface SlowPaths {
  /** The returned function ends it. */
  enter(path: string): () => void;
  /** True while as many as may hang at one path do. */
  isFull(path: string): boolean;
}

/** From when on a revocation counts as hanging. */
const slowMs = 3_000;

export function createSlowPaths(options: { readonly clock: Clock; readonly most: number }): SlowPaths {
  const { clock, most } = options;
  const entered = new Map<string, Set<{ readonly at: number }>>();
  return {
    enter: (path) => {
      const own = { at: clock.monotonic() };
      const all = entered.get(path) ?? new Set();
      entered.set(path, all.add(own));
      return () => {
        all.delete(own);
        if (all.size === 0) entered.delete(path);
      };
    },
    isFull: (path) => {
      let slow = 0;
      for (const { at } of entered.get(path) ?? []) if (clock.monotonic() - at >= slowMs) slow += 1;
      return slow >= most;
    },
  };
}
