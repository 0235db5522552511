import type { MetaLedger } from '../ledger/meta.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { NameClaim } from './claim-name.ts';

/** A fact in the ledger that one broker keeps, as long as it has its name. */
export interface OwnRow {
  /** Undefined removes it. Nothing is written once another broker has the name. Throws as the ledger does; one at a time. */
  write(to: string | undefined): Promise<void>;
}

/** Only over what this broker has written there, or what was there when it began. */
export function createOwnRow(options: {
  readonly ledger: Pick<MetaLedger, 'readMeta' | 'replaceMeta'>;
  readonly key: string;
  /** As it was read with the name taken. */
  readonly found: string | undefined;
  readonly claim: Pick<NameClaim, 'lost' | 'isHeld'>;
}): OwnRow {
  const { ledger, key, claim } = options;
  let known = options.found;
  return {
    write: async (to) => {
      if (claim.lost.aborted) return;
      if (await ledger.replaceMeta({ key, from: known, to })) {
        known = to;
        return;
      }
      // The answer to a write before was lost, or somebody else has written there.
      if (!(await claim.isHeld())) return;
      const from = await ledger.readMeta(key);
      if (!(await ledger.replaceMeta({ key, from, to }))) throw new LeaseholdError('ledger_conflict');
      known = to;
    },
  };
}
