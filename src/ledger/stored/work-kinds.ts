import type { WorkKind } from '../ledger.ts';

/** What a newer broker may have put beside these is left to it. */
const all: Readonly<Record<WorkKind, true>> = {
  settle: true,
  renew: true,
  rotate: true,
  revoke: true,
  deadline: true,
  detached: true,
};

/** Those that are asked for, or all that this version knows. */
export const kindsOf = (kinds: readonly WorkKind[] | undefined): readonly string[] =>
  kinds ?? Object.keys(all);
