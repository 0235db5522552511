import { LeaseholdError } from '../../platform/error.ts';
import { conflict } from '../conflict.ts';
import { isOf } from '../stored/session-key.ts';
import type { LedgerInput } from '../input.ts';
import type { NewLeaseSet, NewSession, Owner, Session } from '../ledger.ts';
import { parseRow, type SessionRow, sessionRow } from '../stored/rows.ts';
import { attach } from './holders.ts';
import { tell } from './notify.ts';
import { fromSession, lockSession, readSession } from './read-session.ts';
import { requireActiveRun } from './runs.ts';
import type { Sql } from './statements.ts';
import { SeenTooEarly } from './transactions.ts';
import { putWork } from './work-items.ts';

export async function beginSession(
  sql: Sql,
  input: NewSession,
): Promise<{ readonly outcome: 'created' | 'existing'; readonly session: Session }> {
  const { workload, bundle, node, supersedes } = input;
  const [rows, tombstone] = await Promise.all([
    sql.all(
      `${fromSession} WHERE (workload = $1 AND bundle = $2 AND node = $3 AND state IN ('opening', 'active')) OR id = $4
       ORDER BY seq FOR UPDATE`,
      workload,
      bundle,
      node,
      supersedes ?? null,
    ),
    // Looked for under the lock: whoever revokes a live session with a tombstone holds that lock until both are there.
    sql.get('SELECT 1 FROM tombstone WHERE workload = $1 AND bundle = $2', workload, bundle),
    ...(input.identity.kind === 'run' ? [requireActiveRun(sql, workload)] : []),
  ]);
  if (tombstone !== undefined) throw new LeaseholdError('tombstoned');
  const found = rows.map((row) => parseRow(sessionRow, row, 'session'));
  const live = found.find((row) => isLive(row) && isOf(row, input));
  if (live !== undefined && live.id !== supersedes) {
    const attached = attach(sql, live, { holder: input.attach, replica: input.replica });
    const [session, moved] = await Promise.all([readSession(sql, live.id), attached]);
    if (moved) await tell(sql, { kind: 'session', id: live.id });
    return { outcome: 'existing', session };
  }
  if (!input.holders.includes(input.attach)) conflict('no such holder');
  if (supersedes !== undefined)
    await supersede(
      sql,
      input,
      found.find(({ id }) => id === supersedes),
    );
  // Sent together. Without a session its parts break their references, which ends this try as well.
  const inserted = insertSession(sql, input);
  const rest = Promise.all([insertParts(sql, input), putWork(sql, input.work), readSession(sql, input.id)]);
  rest.catch(() => undefined);
  if (!(await inserted)) throw new SeenTooEarly();
  const [, , session] = await rest;
  return { outcome: 'created', session };
}

function isLive({ state }: SessionRow): boolean {
  return state === 'opening' || state === 'active';
}

async function supersede(sql: Sql, input: NewSession, row: SessionRow | undefined): Promise<void> {
  // A session that was revoked meanwhile has no successor: that would bring back what was taken. One whose successor failed gets another.
  const isHeld = row?.state === 'active' || row?.state === 'superseded';
  if (!isHeld || !isOf(row, input))
    conflict('the session to be superseded is not one that this workload holds of this bundle');
  await sql.run(`UPDATE session SET state = 'superseded' WHERE id = $1`, row.id);
}

/** False when another broker has made the live session meanwhile: the index waits for the end of its transaction. */
async function insertSession(sql: Sql, input: NewSession): Promise<boolean> {
  const { identity } = input;
  const leased = input.leaseSet !== undefined;
  const inserted = await sql.run(
    `INSERT INTO session (id, workload, bundle, node, request_key, identity, cluster, namespace, pod_uid, state, leased,
       grant_name, policy_revision, created_at, deadline_at, generation_id, generation_number, generation_versions,
       owner_replica, owner_address, owner_epoch)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
     ON CONFLICT (workload, bundle, node) WHERE state IN ('opening', 'active') DO NOTHING`,
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
    leased,
    input.grant,
    input.policyRevision,
    input.at,
    input.deadlineAt,
    input.generation?.id ?? '',
    input.generation === undefined ? 0 : 1,
    input.generation?.versions ?? '',
    input.owner?.replica ?? null,
    input.owner?.address ?? null,
    input.owner?.epoch ?? null,
  );
  return inserted === 1;
}

async function insertParts(sql: Sql, input: NewSession): Promise<void> {
  await Promise.all([
    sql.run(
      `INSERT INTO holder (session, name, position, attached, replica)
       SELECT $1, name, place - 1, name = $3, CASE name WHEN $3 THEN $4 END
       FROM unnest($2::text[]) WITH ORDINALITY AS holder (name, place)`,
      input.id,
      input.holders,
      input.attach,
      input.replica,
    ),
    ...(input.leaseSet === undefined ? [] : [insertLeaseSet(sql, input.id, input.leaseSet, input.at)]),
  ]);
}

export async function beginLeaseSet(sql: Sql, input: LedgerInput<'beginLeaseSet'>): Promise<void> {
  const [session, pending] = await Promise.all([
    lockSession(sql, input.session),
    sql.get(`SELECT 1 FROM lease_set WHERE session = $1 AND state IN ('intent', 'token')`, input.session),
  ]);
  if (!isLive(session)) conflict('a further lease set needs an opening or active session');
  if (!session.leased) conflict('the session is not a leased one');
  if (pending !== undefined) conflict('the session has a pending lease set');
  await Promise.all([
    ...(input.owner === undefined ? [] : [takeOwnership(sql, session, input.owner, input.insteadOf)]),
    insertLeaseSet(sql, input.session, input.leaseSet, input.at),
  ]);
}

async function takeOwnership(
  sql: Sql,
  { id, owner_replica: before }: SessionRow,
  owner: Owner,
  insteadOf: string | undefined,
): Promise<void> {
  const isOthers = before !== null && before !== owner.replica;
  if (isOthers && before !== insteadOf) conflict('another replica owns the session');
  await Promise.all([
    sql.run(
      'UPDATE session SET owner_replica = $1, owner_address = $2, owner_epoch = $3 WHERE id = $4',
      owner.replica,
      owner.address,
      owner.epoch,
      id,
    ),
    ...(isOthers ? [tell(sql, { kind: 'session', id })] : []),
  ]);
}

async function insertLeaseSet(sql: Sql, session: string, leaseSet: NewLeaseSet, at: number): Promise<void> {
  await Promise.all([
    sql.run(
      `INSERT INTO lease_set (id, session, state, token_role, created_at) VALUES ($1, $2, 'intent', $3, $4)`,
      leaseSet.id,
      session,
      leaseSet.tokenRole,
      at,
    ),
    putWork(sql, [{ kind: 'settle', subject: leaseSet.id, dueAt: leaseSet.settleAt }]),
  ]);
}
