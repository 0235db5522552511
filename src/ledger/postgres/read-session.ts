import { z } from 'zod';
import type { Identity } from '../../identity/identity.ts';
import { conflict } from '../conflict.ts';
import type { LeaseSet, Session } from '../ledger.ts';
import { toLeaseSet, toSession } from '../stored/assemble.ts';
import { largeBytes } from '../stored/identities.ts';
import {
  columnsOf,
  type LeaseSetRow,
  leaseSetRow,
  parseRow,
  runRow,
  type SessionRow,
  sessionRow,
} from '../stored/rows.ts';
import { parseIdentity } from '../stored/stored-json.ts';
import type { Row, Sql, SqlValue } from './statements.ts';

/** As it is stored, compressed. */
const large = `pg_column_size(identity) >= ${largeBytes}`;
const sessionColumns = columnsOf(sessionRow, 'session', large);
export const fromSession = `SELECT ${sessionColumns} FROM session`;
export const fromRun = `SELECT ${columnsOf(runRow, 'run', large)} FROM run`;

/** Lease sets as JSON, each with its credentials, in the order of their making. */
const leaseSetsAsJson = (where: string) => `
  (SELECT coalesce(json_agg(json_build_object('row', lease_set, 'credentials', (
     SELECT coalesce(json_agg(credential ORDER BY credential.seq), '[]')
     FROM credential WHERE credential.lease_set = lease_set.id)) ORDER BY lease_set.seq), '[]')
   FROM lease_set WHERE lease_set.session = session.id AND ${where})`;

const wholeSession = (leaseSets: string) => `
  SELECT ${sessionColumns}, ${leaseSetsAsJson(leaseSets)} AS lease_sets FROM session`;

const withOpenSets = wholeSession(`lease_set.state <> 'ended'`);
const withAllSets = wholeSession('true');

const setWithCredentials = z.object({ row: z.unknown(), credentials: z.array(z.unknown()) });
const partsRow = z.object({ lease_sets: z.array(setWithCredentials) });

async function fromRow(sql: Sql, stored: Row): Promise<Session> {
  const { lease_sets: sets } = parseRow(partsRow, stored, 'session');
  const leaseSets = sets.map(({ row, credentials }) =>
    toLeaseSet(parseRow(leaseSetRow, row, 'lease set'), credentials),
  );
  const row = parseRow(sessionRow, stored, 'session');
  return toSession(row, { identity: await identityOf(sql, row), leaseSets });
}

export async function identityOf(sql: Sql, { id, identity }: SessionRow): Promise<Identity> {
  if (identity !== null) return parseIdentity(identity);
  const known = sql.identities.find(id);
  if (known !== undefined) return known;
  return sql.identities.keep(
    id,
    (await sql.get('SELECT identity FROM session WHERE id = $1', id))?.['identity'],
  );
}

/** The whole session as it stands now, with lease sets that have not ended, or with all. */
export async function findSession(
  sql: Sql,
  id: string,
  options: { readonly withEnded: boolean },
): Promise<Session | undefined> {
  const text = options.withEnded ? withAllSets : withOpenSets;
  const row = await sql.get(`${text} WHERE session.id = $1`, id);
  return row === undefined ? undefined : fromRow(sql, row);
}

export async function readSession(sql: Sql, id: string): Promise<Session> {
  return (await findSession(sql, id, { withEnded: false })) ?? conflict('no such session');
}

/** With lease sets that have not ended; newest first. */
export async function readSessions(
  sql: Sql,
  where: string,
  ...values: readonly SqlValue[]
): Promise<readonly Session[]> {
  const rows = await sql.all(`${withOpenSets} WHERE ${where} ORDER BY session.seq DESC`, ...values);
  return Promise.all(rows.map((row) => fromRow(sql, row)));
}

/** From here to the end of the transaction nobody else changes anything of that session. */
export async function lockSession(sql: Sql, id: string): Promise<SessionRow> {
  const row = await sql.get(`${fromSession} WHERE id = $1 FOR UPDATE`, id);
  return row === undefined ? conflict('no such session') : parseRow(sessionRow, row, 'session');
}

/** Locks the session of a lease set. The second statement sees what was committed before the lock was given. */
export async function lockLeaseSet(sql: Sql, id: string): Promise<LeaseSetRow> {
  const [, row] = await Promise.all([
    sql.get('SELECT 1 FROM session WHERE id = (SELECT session FROM lease_set WHERE id = $1) FOR UPDATE', id),
    sql.get('SELECT * FROM lease_set WHERE id = $1', id),
  ]);
  return row === undefined ? conflict('no such lease set') : parseRow(leaseSetRow, row, 'lease set');
}

export async function findLeaseSet(sql: Sql, id: string): Promise<LeaseSet | undefined> {
  const row = await sql.get(
    `SELECT lease_set.*, (SELECT coalesce(json_agg(credential ORDER BY credential.seq), '[]')
       FROM credential WHERE credential.lease_set = lease_set.id) AS credentials
     FROM lease_set WHERE id = $1`,
    id,
  );
  if (row === undefined) return undefined;
  const { credentials } = parseRow(z.object({ credentials: z.array(z.unknown()) }), row, 'lease set');
  return toLeaseSet(parseRow(leaseSetRow, row, 'lease set'), credentials);
}
