import type { z } from 'zod';
import type { Credential, Holder, LeaseSet, Session } from '../ledger.ts';
import { LeaseholdError } from '../../platform/error.ts';
import { conflict } from './conflict.ts';
import { credentialRow, holderRow, leaseSetRow, parseRow, sessionRow } from './rows.ts';
import type { Row, Sql } from './statements.ts';
import { parseIdentity } from './stored-json.ts';

export type SessionRow = z.infer<typeof sessionRow>;
export type LeaseSetRow = z.infer<typeof leaseSetRow>;

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
  return toSession(sql, requireSessionRow(sql, id), options);
}

export function toSession(sql: Sql, row: SessionRow, options: { readonly withEnded: boolean }): Session {
  const holders = sql.all('SELECT * FROM holder WHERE session = ? ORDER BY position', row.id).map(toHolder);
  const leaseSets = row.leased === 1 ? readLeaseSets(sql, row.id, options.withEnded) : [];
  return {
    id: row.id,
    workload: row.workload,
    bundle: row.bundle,
    requestKey: row.request_key,
    identity: parseIdentity(row.identity),
    state: row.state,
    leased: row.leased === 1,
    grant: row.grant_name,
    policyRevision: row.policy_revision,
    createdAt: row.created_at,
    deadlineAt: row.deadline_at,
    endedAt: row.ended_at ?? undefined,
    end: toEnd(row),
    generation: {
      id: row.generation_id,
      number: row.generation_number,
      versions: row.generation_versions,
    },
    holders,
    leaseSets,
  };
}

function toEnd(row: SessionRow): Session['end'] {
  if (row.end_reason === null) return undefined;
  if (row.end_note === null || row.end_by === null)
    throw new LeaseholdError('ledger_unusable', { detail: 'a stored session has half an end' });
  return { reason: row.end_reason, note: row.end_note, by: row.end_by };
}

function readLeaseSets(sql: Sql, session: string, withEnded: boolean): readonly LeaseSet[] {
  const rows = withEnded
    ? sql.all('SELECT * FROM lease_set WHERE session = ? ORDER BY seq', session)
    : sql.all(`SELECT * FROM lease_set WHERE session = ? AND state <> 'ended' ORDER BY seq`, session);
  return rows.map((row) => toLeaseSet(sql, parseRow(leaseSetRow, row, 'lease set')));
}

export function toLeaseSet(sql: Sql, row: LeaseSetRow): LeaseSet {
  return {
    id: row.id,
    session: row.session,
    state: row.state,
    tokenRole: row.token_role,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    credentials: sql
      .all('SELECT * FROM credential WHERE lease_set = ? ORDER BY seq', row.id)
      .map((credential) => toCredential(credential)),
  };
}

export function toCredential(stored: Row): Credential {
  const row = parseRow(credentialRow, stored, 'credential');
  return {
    id: row.id,
    kind: row.kind,
    path: row.path,
    reference: row.reference,
    renewable: row.renewable === 1,
    expiresAt: row.expires_at,
    settlement: row.settlement,
    why: row.why ?? undefined,
    since: row.since,
    nextTryAt: row.next_try_at ?? undefined,
    attempts: row.attempts,
  };
}

function toHolder(stored: Row): Holder {
  const row = parseRow(holderRow, stored, 'holder');
  return {
    name: row.name,
    attached: row.attached === 1,
    generation: { id: row.generation_id, number: row.generation_number },
    deliveredAt: row.delivered_at ?? undefined,
    wipedAt: row.wiped_at ?? undefined,
  };
}
