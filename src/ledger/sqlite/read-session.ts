import type { Identity } from '../../identity/identity.ts';
import type { LeaseSet, Session, SessionKey } from '../ledger.ts';
import { conflict } from '../conflict.ts';
import { toLeaseSet, toSession } from '../stored/assemble.ts';
import { largeBytes } from '../stored/identities.ts';
import {
  columnsOf,
  leaseSetRow,
  type LeaseSetRow,
  parseRow,
  runRow,
  sessionRow,
  type SessionRow,
} from '../stored/rows.ts';
import { parseIdentity } from '../stored/stored-json.ts';
import type { Sql } from './statements.ts';

const large = `octet_length(identity) >= ${largeBytes}`;
export const fromSession = `SELECT ${columnsOf(sessionRow, 'session', large)} FROM session`;
export const fromRun = `SELECT ${columnsOf(runRow, 'run', large)} FROM run`;

export function findSessionRow(sql: Sql, id: string): SessionRow | undefined {
  const row = sql.get(`${fromSession} WHERE id = ?`, id);
  return row === undefined ? undefined : parseRow(sessionRow, row, 'session');
}

export function requireSessionRow(sql: Sql, id: string): SessionRow {
  return findSessionRow(sql, id) ?? conflict('no such session');
}

export function findLiveRow(sql: Sql, { workload, bundle, node }: SessionKey): SessionRow | undefined {
  const row = sql.get(
    `${fromSession} WHERE workload = ? AND bundle = ? AND node = ? AND state IN ('opening', 'active')`,
    workload,
    bundle,
    node,
  );
  return row === undefined ? undefined : parseRow(sessionRow, row, 'session');
}

export function requireLeaseSetRow(sql: Sql, id: string): LeaseSetRow {
  const row = sql.get('SELECT * FROM lease_set WHERE id = ?', id);
  return row === undefined ? conflict('no such lease set') : parseRow(leaseSetRow, row, 'lease set');
}

/** The whole session as it stands now, with lease sets that have not ended, or with all. */
export function readSession(sql: Sql, id: string, options: { readonly withEnded: boolean }): Session {
  return withParts(sql, requireSessionRow(sql, id), options);
}

export function withParts(sql: Sql, row: SessionRow, options: { readonly withEnded: boolean }): Session {
  const leaseSets = row.leased ? readLeaseSets(sql, row.id, options.withEnded) : [];
  return toSession(row, { identity: identityOf(sql, row), leaseSets });
}

export function identityOf(sql: Sql, { id, identity }: SessionRow): Identity {
  if (identity !== null) return parseIdentity(identity);
  const known = sql.identities.find(id);
  return (
    known ?? sql.identities.keep(id, sql.get('SELECT identity FROM session WHERE id = ?', id)?.['identity'])
  );
}

function readLeaseSets(sql: Sql, session: string, withEnded: boolean): readonly LeaseSet[] {
  const rows = withEnded
    ? sql.all('SELECT * FROM lease_set WHERE session = ? ORDER BY seq', session)
    : sql.all(`SELECT * FROM lease_set WHERE session = ? AND state <> 'ended' ORDER BY seq`, session);
  return rows.map((row) => withCredentials(sql, parseRow(leaseSetRow, row, 'lease set')));
}

export function withCredentials(sql: Sql, row: LeaseSetRow): LeaseSet {
  return toLeaseSet(row, sql.all('SELECT * FROM credential WHERE lease_set = ? ORDER BY seq', row.id));
}
