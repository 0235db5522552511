import type { LedgerChange } from './replicas.ts';

/** Those who listen to changes of the ledger. */
export interface Feed {
  /** Comes back before any listener is called. */
  tell(changes: readonly LedgerChange[]): void;
  subscribe(listener: (change: LedgerChange) => void): AsyncDisposable;
}

export function createFeed(): Feed {
  const listeners = new Set<(change: LedgerChange) => void>();
  return {
    tell: (changes) => {
      if (changes.length === 0) return;
      // In a turn of its own: whoever made the change goes on first, and has acted on it by itself by then.
      setImmediate(() => {
        for (const change of changes) for (const listener of listeners) listener(change);
      });
    },
    subscribe: (listener) => {
      // One function may listen twice.
      const own = (change: LedgerChange) => listener(change);
      listeners.add(own);
      return { [Symbol.asyncDispose]: async () => void listeners.delete(own) };
    },
  };
}
