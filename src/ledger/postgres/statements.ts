import { createHash } from 'node:crypto';
import { type ClientBase, type CustomTypesConfig, types } from 'pg';
import type { Identities } from '../stored/identities.ts';
import { LeaseholdError } from '../../platform/error.ts';

export type SqlValue = string | number | boolean | null | readonly string[] | readonly number[];
export type Row = Readonly<Record<string, unknown>>;

/**
 * What the store sees of a connection. Statements are sent at once and run in the order of the calls, so those that do not wait for each
 * other's result share a round trip.
 */
export interface Sql {
  /** First row of a read, if any. */
  get(sql: string, ...values: readonly SqlValue[]): Promise<Row | undefined>;
  /** All rows of a read. */
  all(sql: string, ...values: readonly SqlValue[]): Promise<readonly Row[]>;
  /** Rows that a change gives back. */
  change(sql: string, ...values: readonly SqlValue[]): Promise<readonly Row[]>;
  /** Number of rows changed. */
  run(sql: string, ...values: readonly SqlValue[]): Promise<number>;
  readonly identities: Identities;
}

/**
 * `opened` is the answer to BEGIN. A read may go out together with BEGIN; a change waits for its answer, because outside of a transaction
 * it would be committed alone.
 */
export function createStatements(client: ClientBase, identities: Identities, opened?: Promise<unknown>): Sql {
  let isOpen = opened === undefined;
  opened?.then(
    () => {
      isOpen = true;
    },
    () => undefined,
  );
  const query = (text: string, values: readonly SqlValue[]) =>
    client.query<Record<string, unknown>>({ name: nameOf(text), text, values: values.map(bindable) });
  const change = async (text: string, values: readonly SqlValue[]) => {
    if (!isOpen) await opened;
    return query(text, values);
  };
  return {
    identities,
    get: async (sql, ...values) => (await query(sql, values)).rows[0],
    all: async (sql, ...values) => (await query(sql, values)).rows,
    change: async (sql, ...values) => (await change(sql, values)).rows,
    run: async (sql, ...values) => (await change(sql, values)).rowCount ?? 0,
  };
}

/** Texts are constants but for the combinations of a listing's filters, so there are few. */
const names = new Map<string, string>();

/** A statement with a name is planned once for each connection: planning takes longer than most of these run. */
function nameOf(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  const name = createHash('sha256').update(text).digest('hex').slice(0, 32);
  names.set(text, name);
  return name;
}

/** Every number here is an integer; jitter makes fractions of a millisecond, which a bigint would refuse. */
function bindable(value: SqlValue): unknown {
  if (typeof value === 'number') return whole(value);
  if (!Array.isArray(value)) return value;
  return value.map((item: unknown) => (typeof item === 'number' ? whole(item) : item));
}

function whole(value: number): number {
  const rounded = Math.round(value);
  if (!Number.isSafeInteger(rounded))
    throw new LeaseholdError('internal', { detail: 'a number for the ledger is out of range' });
  return rounded;
}

/** Instants and versions are far below 2^53; a row that holds more is refused by its schema. Stored JSON stays text until it is parsed. */
export const typeParsers: CustomTypesConfig = {
  getTypeParser: (oid, format): unknown => {
    if (oid === types.builtins.INT8) return Number;
    if (oid === types.builtins.JSONB) return String;
    return types.getTypeParser(oid, format);
  },
};
