import { conflict } from '../conflict.ts';
import type { LedgerInput } from '../input.ts';
import { isOpen, type Session } from '../ledger.ts';
import { tombstoneReason } from '../locks.ts';
import { toCredential } from '../stored/assemble.ts';
import type { SessionRow } from '../stored/rows.ts';
import { lockLeaseSet, lockSession, readSession } from './read-session.ts';
import { tell } from './notify.ts';
import type { Row, Sql } from './statements.ts';
import { addUnrecordedEnd } from './unrecorded-ends.ts';
import { putWork, removeAllWork } from './work-items.ts';

export async function beginRevoke(sql: Sql, input: LedgerInput<'beginRevoke'>): Promise<Session> {
  const [session, open] = await Promise.all([
    lockSession(sql, input.session),
    sql.all(
      `SELECT id, state FROM lease_set WHERE session = $1 AND state <> 'ended' ORDER BY seq`,
      input.session,
    ),
  ]);
  const tombstone = input.tombstone ? writeTombstone(sql, session, input) : undefined;
  const isOver = session.state === 'revoking' || session.state === 'ended';
  const unrecorded = input.tombstone || !isOver ? addUnrecordedEnd(sql, input) : undefined;
  const ending = isOver ? undefined : endAll(sql, input, open);
  const [, , , after] = await Promise.all([tombstone, unrecorded, ending, readSession(sql, input.session)]);
  return after;
}

async function writeTombstone(
  sql: Sql,
  { workload, bundle }: SessionRow,
  { end: { reason, note, by }, at }: LedgerInput<'beginRevoke'>,
): Promise<void> {
  // The first reason stands: it is why the workload was cut off.
  await sql.run(
    `INSERT INTO tombstone (workload, bundle, reason, by, created_at) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (workload, bundle) DO NOTHING`,
    workload,
    bundle,
    tombstoneReason({ reason, note }),
    by,
    at,
  );
}

/** `open` are the lease sets of the session that have not ended. */
async function endAll(
  sql: Sql,
  { session, end: { reason, note, by }, at }: LedgerInput<'beginRevoke'>,
  open: readonly Row[],
): Promise<void> {
  await Promise.all([
    sql.run(
      `UPDATE session SET state = 'revoking', end_reason = $1, end_note = $2, end_by = $3, owner_replica = NULL
       WHERE id = $4`,
      reason,
      note,
      by,
      session,
    ),
    tell(sql, { kind: 'session', id: session }),
    // Rotations and deadlines of a revoked session are of no more use.
    removeAllWork(sql, session),
    beginRevokeSets(
      sql,
      open.filter(({ state }) => state !== 'revoking').map(({ id }) => String(id)),
      at,
    ),
    ...(open.length === 0 ? [endSession(sql, session, at)] : []),
  ]);
}

export async function beginRevokeLeaseSet(
  sql: Sql,
  input: LedgerInput<'beginRevokeLeaseSet'>,
): Promise<void> {
  const { state } = await lockLeaseSet(sql, input.leaseSet);
  if (state === 'revoking' || state === 'ended') return;
  await beginRevokeSets(sql, [input.leaseSet], input.at);
}

/** Of lease sets that are neither revoking nor ended, of a locked session. */
export async function beginRevokeSets(sql: Sql, ids: readonly string[], at: number): Promise<void> {
  if (ids.length === 0) return;
  await Promise.all([
    sql.run(`UPDATE lease_set SET state = 'revoking' WHERE id = ANY ($1::text[])`, ids),
    sql.run(
      `UPDATE credential SET settlement = 'outstanding', since = $1, next_try_at = $1
       WHERE lease_set = ANY ($2::text[]) AND settlement = 'held'`,
      at,
      ids,
    ),
    sql.run('DELETE FROM work WHERE subject = ANY ($1::text[])', ids),
    putWork(
      sql,
      ids.map((subject) => ({ kind: 'revoke', subject, dueAt: at }) as const),
    ),
  ]);
}

export async function settleCredential(sql: Sql, input: LedgerInput<'settleCredential'>): Promise<void> {
  const [, row] = await Promise.all([
    sql.get(
      `SELECT 1 FROM session WHERE id = (SELECT lease_set.session FROM lease_set
         JOIN credential ON credential.lease_set = lease_set.id WHERE credential.id = $1) FOR UPDATE`,
      input.credential,
    ),
    sql.get('SELECT * FROM credential WHERE id = $1', input.credential),
  ]);
  if (row === undefined) conflict('no such credential');
  const before = toCredential(row).settlement;
  const { settlement } = input;
  // A name once given is proof and stays; only what is left to expire by itself may still get a better one.
  const final = !isOpen(before) && (before !== 'expires' || isOpen(settlement));
  if (final && before !== settlement) conflict(`the credential is settled as ${before}`);
  if (settlement === 'held' && before !== 'held') conflict('what must go is not held again');
  await sql.run(
    `UPDATE credential SET settlement = $1, why = $2, next_try_at = $3, attempts = attempts + 1,
       maybe_revoked = maybe_revoked OR $6,
       since = CASE settlement WHEN $1 THEN since ELSE $4 END WHERE id = $5`,
    settlement,
    input.why ?? null,
    input.nextTryAt ?? null,
    input.at,
    input.credential,
    input.maybeRevoked === true,
  );
}

export async function finishLeaseSet(sql: Sql, input: LedgerInput<'finishLeaseSet'>): Promise<Session> {
  const [{ state, session }, unsettled] = await Promise.all([
    lockLeaseSet(sql, input.leaseSet),
    sql.get(
      `SELECT 1 FROM credential WHERE lease_set = $1 AND settlement IN ('held', 'outstanding') LIMIT 1`,
      input.leaseSet,
    ),
  ]);
  if (state === 'ended' || unsettled !== undefined) return readSession(sql, session);
  if (state !== 'revoking' && state !== 'intent') conflict(`a lease set ends by revocation, not in ${state}`);
  const [, , left, row] = await Promise.all([
    sql.run(`UPDATE lease_set SET state = 'ended' WHERE id = $1`, input.leaseSet),
    removeAllWork(sql, input.leaseSet),
    sql.get(`SELECT 1 FROM lease_set WHERE session = $1 AND state <> 'ended' LIMIT 1`, session),
    sql.get('SELECT state FROM session WHERE id = $1', session),
  ]);
  const isLast = left === undefined && row?.['state'] === 'revoking';
  const ending = isLast ? endSession(sql, session, input.at) : undefined;
  const [, after] = await Promise.all([ending, readSession(sql, session)]);
  return after;
}

async function endSession(sql: Sql, session: string, at: number): Promise<void> {
  await Promise.all([
    sql.run(`UPDATE session SET state = 'ended', ended_at = $1 WHERE id = $2`, at, session),
    sql.run('UPDATE holder SET attached = false WHERE session = $1 AND attached', session),
    removeAllWork(sql, session),
  ]);
}
