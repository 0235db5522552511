import type { LeaseSet, Session } from '../ledger.ts';
import { conflict } from '../conflict.ts';
import { toLeaseSet, toSession } from '../stored/assemble.ts';
import { leaseSetRow, type LeaseSetRow, parseRow, sessionRow, type SessionRow } from '../stored/rows.ts';
import type { Sql } from './statements.ts';

export function findSessionRow(sql: Sql, id: string): SessionRow | undefined {
  const row = sql.get('SELECT * FROM session WHERE id = ?', id);
  return row === undefined ? undefined : parseRow(sessionRow, row, 'session');
}

export function requireSessionRow(sql: Sql, id: string): SessionRow {
  return findSessionRow(sql, id) ?? conflict('no such session');
}

export function findLiveRow(sql: Sql, workload: string, bundle: string): SessionRow | undefined {
  const row = sql.get(
    `SELECT * FROM session WHERE workload = ? AND bundle = ? AND state IN ('opening', 'active')`,
    workload,
    bundle,
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
  const holders = sql.all('SELECT * FROM holder WHERE session = ? ORDER BY position', row.id);
  const leaseSets = row.leased ? readLeaseSets(sql, row.id, options.withEnded) : [];
  return toSession(row, { holders, leaseSets });
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
