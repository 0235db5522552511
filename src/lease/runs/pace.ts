import { LeaseholdError } from '../../platform/error.ts';

/** What is worth a record each time, not more often than so for each of those who may have it. */
export interface Pace {
  /** Throws `overloaded` when this one had its turn a moment ago. The function that it returns gives the turn back. */
  take(name: string): () => void;
}

/** Names are of those who have proved themselves: as many as there are nodes. */
export function createPace(options: { readonly everyMs: number; readonly now: () => number }): Pace {
  const { everyMs, now } = options;
  const lastly = new Map<string, number>();
  return {
    take: (name) => {
      const at = now();
      const before = lastly.get(name);
      if (before !== undefined && at >= before && at < before + everyMs)
        throw new LeaseholdError('overloaded', { retryAfterMs: before + everyMs - at });
      // In the order of their turns, so that those whose time is over come first.
      for (const [other, then] of lastly) {
        if (at >= then && at < then + everyMs) break;
        lastly.delete(other);
      }
      lastly.delete(name);
      lastly.set(name, at);
      return () => void lastly.delete(name);
    },
  };
}
