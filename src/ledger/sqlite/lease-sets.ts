import type { CredentialEnds, Session } from '../ledger.ts';
import { conflict } from '../conflict.ts';
import type { LedgerInput } from '../input.ts';
import { tellOthers } from './holders.ts';
import { readSession, requireLeaseSetRow, requireSessionRow } from './read-session.ts';
import { beginRevokeLeaseSet } from './revoke.ts';
import type { Sql } from './statements.ts';
import { putWork, removeWork } from './work-items.ts';

type NewId = (prefix: string) => string;

export function recordToken(sql: Sql, newId: NewId, input: LedgerInput<'recordToken'>): void {
  const { state } = requireLeaseSetRow(sql, input.leaseSet);
  if (state !== 'intent' && state !== 'revoking') conflict(`a token comes after the intent, not in ${state}`);
  const known = sql.get(`SELECT 1 FROM credential WHERE lease_set = ? AND kind = 'token'`, input.leaseSet);
  if (known !== undefined) conflict('the lease set has a token');
  if (state === 'intent') {
    sql.run(`UPDATE lease_set SET state = 'token' WHERE id = ?`, input.leaseSet);
  }
  insertCredential(sql, newId, { ...input, kind: 'token', reference: input.accessor, renewable: true });
}

export function recordLease(sql: Sql, newId: NewId, input: LedgerInput<'recordLease'>): void {
  const { state } = requireLeaseSetRow(sql, input.leaseSet);
  if (state !== 'token' && state !== 'revoking') conflict(`a lease comes after the token, not in ${state}`);
  insertCredential(sql, newId, { ...input, kind: 'lease', reference: input.leaseId });
}

/** What arrives after its session was revoked is recorded all the same: known and outstanding beats unknown and alive. */
function insertCredential(
  sql: Sql,
  newId: NewId,
  input: {
    readonly leaseSet: string;
    readonly kind: 'token' | 'lease';
    readonly reference: string;
    readonly path: string;
    readonly renewable: boolean;
    readonly expiresAt: number;
    readonly at: number;
  },
): void {
  const late = requireLeaseSetRow(sql, input.leaseSet).state === 'revoking';
  sql.run(
    `INSERT INTO credential (id, lease_set, kind, path, reference, renewable, expires_at, settlement, since, next_try_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    newId('cre_'),
    input.leaseSet,
    input.kind,
    input.path,
    input.reference,
    input.renewable ? 1 : 0,
    input.expiresAt,
    late ? 'outstanding' : 'held',
    input.at,
    late ? input.at : null,
  );
  sql.run(
    'UPDATE lease_set SET expires_at = CASE expires_at WHEN 0 THEN ?1 ELSE min(expires_at, ?1) END WHERE id = ?2',
    input.expiresAt,
    input.leaseSet,
  );
  if (late) putWork(sql, [{ kind: 'revoke', subject: input.leaseSet, dueAt: input.at }]);
}

export function activate(sql: Sql, input: LedgerInput<'activate'>): Session {
  const session = requireSessionRow(sql, input.session);
  if (session.state === 'revoking' || session.state === 'ended') conflict('the session is revoked');
  if (input.leaseSet === undefined) {
    if (session.state === 'opening') conflict('an opening session becomes active with a lease set');
  } else {
    makeCurrent(sql, input, input.leaseSet);
  }
  sql.run(
    `UPDATE session SET state = CASE state WHEN 'opening' THEN 'active' ELSE state END,
       generation_id = ?, generation_number = generation_number + 1, generation_versions = ? WHERE id = ?`,
    input.generation.id,
    input.generation.versions,
    input.session,
  );
  tellOthers(sql, input.session);
  putWork(sql, input.work);
  return readSession(sql, input.session, { withEnded: false });
}

function makeCurrent(
  sql: Sql,
  input: LedgerInput<'activate'>,
  made: NonNullable<LedgerInput<'activate'>['leaseSet']>,
): void {
  const row = requireLeaseSetRow(sql, made.id);
  if (row.session !== input.session) conflict("the lease set is another session's");
  if (row.state !== 'token')
    conflict(`only a lease set with its token becomes current, not one in ${row.state}`);
  const inState = (state: 'retiring' | 'current'): string | undefined => {
    const id = sql.get('SELECT id FROM lease_set WHERE session = ? AND state = ?', input.session, state)?.[
      'id'
    ];
    return typeof id === 'string' ? id : undefined;
  };
  const retiring = inState('retiring');
  // There is room for one: the older of two goes now, whoever still has its values is two generations behind.
  if (retiring !== undefined) beginRevokeLeaseSet(sql, { leaseSet: retiring, at: input.at });
  const current = inState('current');
  if (current !== undefined) {
    sql.run(`UPDATE lease_set SET state = 'retiring' WHERE id = ?`, current);
    putWork(sql, [{ kind: 'revoke', subject: current, dueAt: input.retireAt }]);
  }
  sql.run(`UPDATE lease_set SET state = 'current' WHERE id = ?`, made.id);
  recordEnds(sql, made.id, made);
  removeWork(sql, made.id, 'settle');
}

export function recordRenewal(sql: Sql, input: LedgerInput<'recordRenewal'>): void {
  const { state } = requireLeaseSetRow(sql, input.leaseSet);
  if (state !== 'current' && state !== 'retiring') conflict(`nothing is renewed in ${state}`);
  recordEnds(sql, input.leaseSet, input);
  putWork(sql, input.work);
}

function recordEnds(
  sql: Sql,
  leaseSet: string,
  { expiresAt: soonest, credentials = [] }: CredentialEnds,
): void {
  sql.run('UPDATE lease_set SET expires_at = ? WHERE id = ?', soonest, leaseSet);
  // The soonest end of all is a lower bound for each.
  sql.run(
    `UPDATE credential SET expires_at = max(expires_at, ?) WHERE lease_set = ? AND settlement = 'held'`,
    soonest,
    leaseSet,
  );
  for (const { id, expiresAt } of credentials) {
    sql.run(
      `UPDATE credential SET expires_at = ? WHERE id = ? AND lease_set = ? AND settlement = 'held'`,
      expiresAt,
      id,
      leaseSet,
    );
  }
}
