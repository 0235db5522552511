import type { Ledger, WorkKind } from '../ledger/ledger.ts';
import type { NewWork } from '../ledger/work.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';

/** Claims that may stand in the ledger although their answer was lost: of items that nobody handles until the claim runs out. */
export interface LostClaims {
  /** A claim was not answered. */
  note(): void;
  /** Gives back what may have been claimed so, but for what is known. Never rejects: what cannot be given back now is tried again. */
  release(): Promise<void>;
}

/** The ledger may carry a claim out after its connection is gone, so that once is not enough. */
const againMs = 5_000;
const failedPauseMs = 1_000;

export function createLostClaims(options: {
  readonly ledger: Pick<Ledger, 'releaseLostClaims'>;
  readonly owner: string;
  readonly kinds: readonly WorkKind[];
  /** What is handled here. */
  readonly known: () => Iterable<Pick<NewWork, 'kind' | 'subject'>>;
  /** How long a claim lasts. */
  readonly claimMs: number;
  readonly clock: Clock;
  readonly log: Log;
}): LostClaims {
  const { ledger, owner, kinds, clock, log } = options;
  let until = 0;
  let nextAt = 0;
  return {
    note: () => {
      nextAt = clock.monotonic();
      until = nextAt + options.claimMs;
    },
    release: async () => {
      const now = clock.monotonic();
      if (now >= until || now < nextAt) return;
      try {
        await ledger.releaseLostClaims({ owner, kinds, known: [...options.known()] });
        nextAt = now + againMs;
      } catch (error) {
        nextAt = now + failedPauseMs;
        log.warn('claims whose answer was lost could not be given back yet', {}, error);
      }
    },
  };
}
