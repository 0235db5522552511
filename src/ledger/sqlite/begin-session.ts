import type { LedgerInput } from '../input.ts';
import type { NewLeaseSet, NewSession, Owner, Session } from '../ledger.ts';
import { LeaseholdError } from '../../platform/error.ts';
import { conflict } from '../conflict.ts';
import { isOf } from '../stored/session-key.ts';
import { attach } from './holders.ts';
import { findLiveRow, findSessionRow, readSession, requireSessionRow } from './read-session.ts';
import { requireActiveRun } from './runs.ts';
import type { Sql } from './statements.ts';
import { putWork } from './work-items.ts';

export function beginSession(
  sql: Sql,
  input: NewSession,
): { readonly outcome: 'created' | 'existing'; readonly session: Session } {
  const { workload, bundle } = input;
  if (sql.get('SELECT 1 FROM tombstone WHERE workload = ? AND bundle = ?', workload, bundle) !== undefined)
    throw new LeaseholdError('tombstoned');
  if (input.identity.kind === 'run') requireActiveRun(sql, workload);
  const live = findLiveRow(sql, input);
  if (live !== undefined && live.id !== input.supersedes) {
    attach(sql, { session: live.id, holder: input.attach, replica: input.replica });
    return { outcome: 'existing', session: readSession(sql, live.id, { withEnded: false }) };
  }
  if (input.supersedes !== undefined) supersede(sql, input, input.supersedes);
  insertSession(sql, input);
  input.holders.forEach((name, position) => {
    sql.run('INSERT INTO holder (session, name, position) VALUES (?, ?, ?)', input.id, name, position);
  });
  if (input.leaseSet !== undefined) insertLeaseSet(sql, input.id, input.leaseSet, input.at);
  attach(sql, { session: input.id, holder: input.attach, replica: input.replica });
  if (input.owner !== undefined) setOwner(sql, input.id, input.owner);
  putWork(sql, input.work);
  return { outcome: 'created', session: readSession(sql, input.id, { withEnded: false }) };
}

function supersede(sql: Sql, input: NewSession, old: string): void {
  const row = findSessionRow(sql, old);
  // A session that was revoked meanwhile has no successor: that would bring back what was taken. One whose successor failed gets another.
  const isHeld = row?.state === 'active' || row?.state === 'superseded';
  if (!isHeld || !isOf(row, input))
    conflict('the session to be superseded is not one that this workload holds of this bundle');
  sql.run(`UPDATE session SET state = 'superseded' WHERE id = ?`, old);
}

function insertSession(sql: Sql, input: NewSession): void {
  const { identity } = input;
  const leased = input.leaseSet !== undefined;
  sql.run(
    `INSERT INTO session (id, workload, bundle, node, request_key, identity, cluster, namespace, pod_uid, state, leased,
       grant_name, policy_revision, created_at, deadline_at, generation_id, generation_number, generation_versions)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    input.id,
    input.workload,
    input.bundle,
    input.node,
    input.requestKey,
    JSON.stringify(identity),
    identity.cluster,
    identity.kind === 'pod' ? identity.namespace : '',
    identity.kind === 'pod' ? identity.podUid : '',
    leased ? 'opening' : 'active',
    leased ? 1 : 0,
    input.grant,
    input.policyRevision,
    input.at,
    input.deadlineAt,
    input.generation?.id ?? '',
    input.generation === undefined ? 0 : 1,
    input.generation?.versions ?? '',
  );
}

function setOwner(sql: Sql, session: string, owner: Owner): void {
  sql.run(
    'UPDATE session SET owner_replica = ?, owner_address = ?, owner_epoch = ? WHERE id = ?',
    owner.replica,
    owner.address,
    owner.epoch,
    session,
  );
}

export function beginLeaseSet(sql: Sql, input: LedgerInput<'beginLeaseSet'>): void {
  const session = requireSessionRow(sql, input.session);
  if (session.state !== 'opening' && session.state !== 'active')
    conflict('a further lease set needs an opening or active session');
  if (!session.leased) conflict('the session is not a leased one');
  const pending = sql.get(
    `SELECT 1 FROM lease_set WHERE session = ? AND state IN ('intent', 'token')`,
    input.session,
  );
  if (pending !== undefined) conflict('the session has a pending lease set');
  if (input.owner !== undefined) {
    const before = session.owner_replica;
    if (before !== null && before !== input.owner.replica && before !== input.insteadOf)
      conflict('another replica owns the session');
    setOwner(sql, input.session, input.owner);
    if (before !== null && before !== input.owner.replica) sql.tell({ kind: 'session', id: input.session });
  }
  insertLeaseSet(sql, input.session, input.leaseSet, input.at);
}

function insertLeaseSet(sql: Sql, session: string, leaseSet: NewLeaseSet, at: number): void {
  sql.run(
    `INSERT INTO lease_set (id, session, state, token_role, created_at) VALUES (?, ?, 'intent', ?, ?)`,
    leaseSet.id,
    session,
    leaseSet.tokenRole,
    at,
  );
  putWork(sql, [{ kind: 'settle', subject: leaseSet.id, dueAt: leaseSet.settleAt }]);
}
