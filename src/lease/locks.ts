import type { Ledger, Lock } from '../ledger/ledger.ts';
import type { Clock } from '../platform/clock.ts';

/** The locks in force, read from the ledger at most once a second so that another replica's lock counts here soon. */
export interface Locks {
  list(): Promise<readonly Lock[]>;
  /** After a change made here. */
  reread(): void;
}

const maxAgeMs = 1_000;

export function createLocks(options: { readonly ledger: Ledger; readonly clock: Clock }): Locks {
  let known: readonly Lock[] = [];
  let readAt = -Infinity;
  let reading: Promise<readonly Lock[]> | undefined;
  return {
    list: () => {
      if (options.clock.monotonic() - readAt < maxAgeMs) return Promise.resolve(known);
      reading ??= options.ledger
        .listLocks()
        .then((locks) => {
          known = locks;
          readAt = options.clock.monotonic();
          return locks;
        })
        .finally(() => (reading = undefined));
      return reading;
    },
    reread: () => {
      readAt = -Infinity;
      reading = undefined;
    },
  };
}
