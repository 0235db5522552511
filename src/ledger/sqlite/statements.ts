import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { LedgerChange } from '../replicas.ts';
import { createIdentities, type Identities } from '../stored/identities.ts';
import { LeaseholdError } from '../../platform/error.ts';

export type SqlValue = string | number | null;
export type Row = Readonly<Record<string, unknown>>;

/** What the stores see of the database: parametrised statements, prepared once and kept. */
export interface Sql {
  /** First row, if any. */
  get(sql: string, ...values: readonly SqlValue[]): Row | undefined;
  all(sql: string, ...values: readonly SqlValue[]): readonly Row[];
  /** Number of rows changed. */
  run(sql: string, ...values: readonly SqlValue[]): number;
  /** To be told to whoever listens, once it is committed. */
  tell(change: LedgerChange): void;
  readonly identities: Identities;
}

/** Statements of a change that is not part of any group. */
export type Statements = Omit<Sql, 'tell'>;

/** SQL texts are constants but for the combinations of a listing's filters, so this bound is never met in practice. */
const mostKept = 512;

export function createStatements(database: DatabaseSync): Statements {
  const kept = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    let statement = kept.get(sql);
    if (statement === undefined) {
      if (kept.size >= mostKept) kept.clear();
      statement = database.prepare(sql);
      kept.set(sql, statement);
    }
    return statement;
  };
  return {
    identities: createIdentities(),
    get: (sql, ...values) => prepare(sql).get(...values.map(bindable)),
    all: (sql, ...values) => prepare(sql).all(...values.map(bindable)),
    run: (sql, ...values) => Number(prepare(sql).run(...values.map(bindable)).changes),
  };
}

/** Every number here is an integer; jitter makes fractions of a millisecond, which a STRICT table would refuse. */
function bindable(value: SqlValue): SqlValue {
  if (typeof value !== 'number') return value;
  const rounded = Math.round(value);
  if (!Number.isSafeInteger(rounded))
    throw new LeaseholdError('internal', { detail: 'a number for the ledger is out of range' });
  return rounded;
}
