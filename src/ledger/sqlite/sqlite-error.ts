import { LeaseholdError } from '../../platform/error.ts';

/** Primary result codes of SQLite (the low byte of an extended one) that are told apart. */
const names: Readonly<Record<number, string>> = {
  5: 'busy',
  6: 'locked',
  7: 'out of memory',
  8: 'read-only',
  10: 'input or output error',
  11: 'corrupt',
  13: 'disk full',
  14: 'cannot open',
  19: 'constraint',
  24: 'format',
  26: 'not a database',
};

/** Damage that another try does not mend. */
const unusable = new Set([11, 24, 26]);

/** SQLite's extended result code, or undefined when the error is not its own. */
export function sqliteErrorCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode : undefined;
}

/** SQLite's messages quote SQL and file names; only the number and our word for it pass. */
export function wrapSqliteError(error: unknown, doing: string): LeaseholdError {
  if (error instanceof LeaseholdError) return error;
  const extended = sqliteErrorCode(error);
  if (extended === undefined) return new LeaseholdError('internal', { detail: doing, cause: error });
  const primary = extended & 0xff;
  const detail = `${doing}: sqlite ${names[primary] ?? 'error'} (${extended})`;
  // A constraint is the last line of defence behind the checks of each method: the state did not allow the change.
  if (primary === 19) return new LeaseholdError('ledger_conflict', { detail, cause: error });
  return new LeaseholdError(unusable.has(primary) ? 'ledger_unusable' : 'ledger_unavailable', {
    detail,
    cause: error,
  });
}
