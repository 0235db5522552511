import type { Identity } from '../identity/identity.ts';
import type { Ledger, Lock } from '../ledger/ledger.ts';
import type { Clock } from '../platform/clock.ts';
import { matchesSelector } from '../policy/selector.ts';

/** The locks in force, read from the ledger at most once a second so that another replica's lock counts here soon. */
export interface Locks {
  /** The first lock that refuses this bundle to this workload. */
  matching(subject: { readonly identity: Identity; readonly bundle: string }): Promise<Lock | undefined>;
  /** After a change made here: whoever asks from now on gets an answer that has it. */
  reread(): void;
}

const maxAgeMs = 1_000;

export function createLocks(options: { readonly ledger: Ledger; readonly clock: Clock }): Locks {
  let known: readonly Lock[] = [];
  let readAt = -Infinity;
  let reading: Promise<readonly Lock[]> | undefined;

  const read = (): Promise<readonly Lock[]> => {
    const own = options.ledger
      .listLocks()
      .then((locks) => {
        // A reading that was overtaken by a change tells its callers, who came before, and nobody after.
        if (reading === own) {
          known = locks;
          readAt = options.clock.monotonic();
        }
        return locks;
      })
      .finally(() => {
        if (reading === own) reading = undefined;
      });
    return own;
  };
  const list = async (): Promise<readonly Lock[]> => {
    if (options.clock.monotonic() - readAt < maxAgeMs) return known;
    reading ??= read();
    return reading;
  };
  return {
    matching: async (subject) => (await list()).find((lock) => matchesSelector(lock.selector, subject)),
    reread: () => {
      readAt = -Infinity;
      reading = undefined;
    },
  };
}
