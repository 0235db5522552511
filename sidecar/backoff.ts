/** Pauses between attempts that fail, with full jitter: many holders that lost one broker must not come back together. */
export interface Backoff {
  /** Milliseconds to wait now; each call without `reset` between raises the ceiling. */
  next(): number;
  reset(): void;
}

export function createBackoff(options: {
  readonly firstMs: number;
  readonly capMs: number;
  /** 0 up to but not including 1. */
  readonly random: () => number;
}): Backoff {
  let ceiling = options.firstMs;
  return {
    next: () => {
      const pause = options.random() * ceiling;
      ceiling = Math.min(ceiling * 2, options.capMs);
      return pause;
    },
    reset: () => {
      ceiling = options.firstMs;
    },
  };
}
