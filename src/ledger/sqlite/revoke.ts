import { isOpen, type Session } from '../ledger.ts';
import { tombstoneReason } from '../locks.ts';
import { conflict } from '../conflict.ts';
import type { LedgerInput } from '../input.ts';
import { toCredential } from '../stored/assemble.ts';
import { readSession, requireLeaseSetRow, requireSessionRow } from './read-session.ts';
import type { Sql } from './statements.ts';
import { addUnrecordedEnd } from './unrecorded-ends.ts';
import { putWork, removeAllWork } from './work-items.ts';

export function beginRevoke(sql: Sql, input: LedgerInput<'beginRevoke'>): Session {
  const session = requireSessionRow(sql, input.session);
  const { reason, note, by } = input.end;
  if (input.tombstone) {
    // The first reason stands: it is why the workload was cut off.
    sql.run(
      'INSERT OR IGNORE INTO tombstone (workload, bundle, reason, by, created_at) VALUES (?, ?, ?, ?, ?)',
      session.workload,
      session.bundle,
      tombstoneReason({ reason, note }),
      by,
      input.at,
    );
  }
  const isOver = session.state === 'revoking' || session.state === 'ended';
  if (input.tombstone || !isOver) addUnrecordedEnd(sql, input);
  if (isOver) return readSession(sql, input.session, { withEnded: false });
  sql.run(
    `UPDATE session SET state = 'revoking', end_reason = ?, end_note = ?, end_by = ?, owner_replica = NULL WHERE id = ?`,
    reason,
    note,
    by,
    input.session,
  );
  sql.tell({ kind: 'session', id: input.session });
  // Rotations and deadlines of a revoked session are of no more use.
  removeAllWork(sql, input.session);
  const open = sql.all(`SELECT id FROM lease_set WHERE session = ? AND state <> 'ended'`, input.session);
  for (const { id } of open) beginRevokeLeaseSet(sql, { leaseSet: String(id), at: input.at });
  if (open.length === 0) endSession(sql, input.session, input.at);
  return readSession(sql, input.session, { withEnded: false });
}

export function beginRevokeLeaseSet(sql: Sql, input: LedgerInput<'beginRevokeLeaseSet'>): void {
  const { state } = requireLeaseSetRow(sql, input.leaseSet);
  if (state === 'revoking' || state === 'ended') return;
  sql.run(`UPDATE lease_set SET state = 'revoking' WHERE id = ?`, input.leaseSet);
  sql.run(
    `UPDATE credential SET settlement = 'outstanding', since = ?, next_try_at = ?
     WHERE lease_set = ? AND settlement = 'held'`,
    input.at,
    input.at,
    input.leaseSet,
  );
  removeAllWork(sql, input.leaseSet);
  putWork(sql, [{ kind: 'revoke', subject: input.leaseSet, dueAt: input.at }]);
}

export function settleCredential(sql: Sql, input: LedgerInput<'settleCredential'>): void {
  const row = sql.get('SELECT * FROM credential WHERE id = ?', input.credential);
  if (row === undefined) conflict('no such credential');
  const before = toCredential(row).settlement;
  const { settlement } = input;
  // A name once given is proof and stays; only what is left to expire by itself may still get a better one.
  const final = !isOpen(before) && (before !== 'expires' || isOpen(settlement));
  if (final && before !== settlement) conflict(`the credential is settled as ${before}`);
  if (settlement === 'held' && before !== 'held') conflict('what must go is not held again');
  sql.run(
    `UPDATE credential SET settlement = ?1, why = ?2, next_try_at = ?3, attempts = attempts + 1,
       maybe_revoked = max(maybe_revoked, ?6),
       since = CASE settlement WHEN ?1 THEN since ELSE ?4 END WHERE id = ?5`,
    settlement,
    input.why ?? null,
    input.nextTryAt ?? null,
    input.at,
    input.credential,
    input.maybeRevoked === true ? 1 : 0,
  );
}

export function finishLeaseSet(sql: Sql, input: LedgerInput<'finishLeaseSet'>): Session {
  const { state, session } = requireLeaseSetRow(sql, input.leaseSet);
  if (state !== 'ended') {
    const unsettled = sql.get(
      `SELECT 1 FROM credential WHERE lease_set = ? AND settlement IN ('held', 'outstanding')`,
      input.leaseSet,
    );
    if (unsettled !== undefined) return readSession(sql, session, { withEnded: false });
    if (state !== 'revoking' && state !== 'intent')
      conflict(`a lease set ends by revocation, not in ${state}`);
    sql.run(`UPDATE lease_set SET state = 'ended' WHERE id = ?`, input.leaseSet);
    removeAllWork(sql, input.leaseSet);
    const last =
      sql.get(`SELECT 1 FROM lease_set WHERE session = ? AND state <> 'ended'`, session) === undefined;
    if (last && requireSessionRow(sql, session).state === 'revoking') endSession(sql, session, input.at);
  }
  return readSession(sql, session, { withEnded: false });
}

function endSession(sql: Sql, session: string, at: number): void {
  sql.run(`UPDATE session SET state = 'ended', ended_at = ? WHERE id = ?`, at, session);
  sql.run('UPDATE holder SET attached = 0 WHERE session = ? AND attached = 1', session);
  removeAllWork(sql, session);
}
