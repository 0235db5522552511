import { conflict } from '../conflict.ts';
import type { LedgerInput } from '../input.ts';
import type { CredentialEnds, Session } from '../ledger.ts';
import { type LeaseSetRow, leaseSetRow, parseRow } from '../stored/rows.ts';
import { lockLeaseSet, lockSession, readSession } from './read-session.ts';
import { beginRevokeSets } from './revoke.ts';
import { tell } from './notify.ts';
import type { Sql } from './statements.ts';
import { putWork, removeWork } from './work-items.ts';

type NewId = (prefix: string) => string;

export async function recordToken(sql: Sql, newId: NewId, input: LedgerInput<'recordToken'>): Promise<void> {
  const [leaseSet, known] = await Promise.all([
    lockLeaseSet(sql, input.leaseSet),
    sql.get(`SELECT 1 FROM credential WHERE lease_set = $1 AND kind = 'token'`, input.leaseSet),
  ]);
  const { state } = leaseSet;
  if (state !== 'intent' && state !== 'revoking') conflict(`a token comes after the intent, not in ${state}`);
  if (known !== undefined) conflict('the lease set has a token');
  await insertCredential(sql, leaseSet, {
    ...input,
    id: newId('cre_'),
    kind: 'token',
    reference: input.accessor,
    renewable: true,
  });
}

export async function recordLease(sql: Sql, newId: NewId, input: LedgerInput<'recordLease'>): Promise<void> {
  const leaseSet = await lockLeaseSet(sql, input.leaseSet);
  const { state } = leaseSet;
  if (state !== 'token' && state !== 'revoking') conflict(`a lease comes after the token, not in ${state}`);
  await insertCredential(sql, leaseSet, {
    ...input,
    id: newId('cre_'),
    kind: 'lease',
    reference: input.leaseId,
  });
}

/** What arrives after its session was revoked is recorded all the same: known and outstanding beats unknown and alive. */
async function insertCredential(
  sql: Sql,
  leaseSet: LeaseSetRow,
  input: {
    readonly id: string;
    readonly kind: 'token' | 'lease';
    readonly reference: string;
    readonly path: string;
    readonly renewable: boolean;
    readonly expiresAt: number;
    readonly at: number;
  },
): Promise<void> {
  const late = leaseSet.state === 'revoking';
  await Promise.all([
    sql.run(
      `INSERT INTO credential (id, lease_set, kind, path, reference, renewable, expires_at, settlement, since, next_try_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
      input.id,
      leaseSet.id,
      input.kind,
      input.path,
      input.reference,
      input.renewable,
      input.expiresAt,
      late ? 'outstanding' : 'held',
      input.at,
      late ? input.at : null,
    ),
    sql.run(
      `UPDATE lease_set SET state = CASE state WHEN 'intent' THEN 'token' ELSE state END,
         expires_at = CASE expires_at WHEN 0 THEN $1 ELSE least(expires_at, $1) END WHERE id = $2`,
      input.expiresAt,
      leaseSet.id,
    ),
    putWork(sql, late ? [{ kind: 'revoke', subject: leaseSet.id, dueAt: input.at }] : []),
  ]);
}

export async function activate(sql: Sql, input: LedgerInput<'activate'>): Promise<Session> {
  const [session, stored] = await Promise.all([
    lockSession(sql, input.session),
    sql.all(
      `SELECT * FROM lease_set WHERE id = $1 OR (session = $2 AND state IN ('current', 'retiring'))`,
      input.leaseSet?.id ?? null,
      input.session,
    ),
  ]);
  if (session.state === 'revoking' || session.state === 'ended') conflict('the session is revoked');
  const sets = stored.map((row) => parseRow(leaseSetRow, row, 'lease set'));
  if (input.leaseSet === undefined && session.state === 'opening')
    conflict('an opening session becomes active with a lease set');
  const made = input.leaseSet === undefined ? undefined : makeCurrent(sql, input, input.leaseSet, sets);
  const [, , , replicas, after] = await Promise.all([
    made,
    sql.run(
      `UPDATE session SET state = CASE state WHEN 'opening' THEN 'active' ELSE state END,
         generation_id = $1, generation_number = generation_number + 1, generation_versions = $2 WHERE id = $3`,
      input.generation.id,
      input.generation.versions,
      input.session,
    ),
    putWork(sql, input.work),
    sql.get('SELECT count(DISTINCT replica) AS number FROM holder WHERE session = $1', input.session),
    readSession(sql, input.session),
  ]);
  if (Number(replicas?.['number']) > 1) await tell(sql, { kind: 'session', id: input.session });
  return after;
}

/** All of it is sent in this order at once: each of the states has room for one lease set. */
async function makeCurrent(
  sql: Sql,
  input: LedgerInput<'activate'>,
  made: NonNullable<LedgerInput<'activate'>['leaseSet']>,
  sets: readonly LeaseSetRow[],
): Promise<void> {
  const row = sets.find(({ id }) => id === made.id) ?? conflict('no such lease set');
  if (row.session !== input.session) conflict("the lease set is another session's");
  if (row.state !== 'token')
    conflict(`only a lease set with its token becomes current, not one in ${row.state}`);
  const inState = (wanted: 'retiring' | 'current') =>
    sets.filter(({ state }) => state === wanted).map(({ id }) => id);
  const current = inState('current');
  await Promise.all([
    // There is room for one: the older of two goes now, whoever still has its values is two generations behind.
    beginRevokeSets(sql, inState('retiring'), input.at),
    sql.run(`UPDATE lease_set SET state = 'retiring' WHERE id = ANY ($1::text[])`, current),
    putWork(
      sql,
      current.map((subject) => ({ kind: 'revoke', subject, dueAt: input.retireAt }) as const),
    ),
    sql.run(`UPDATE lease_set SET state = 'current' WHERE id = $1`, made.id),
    recordEnds(sql, made.id, made),
    removeWork(sql, made.id, 'settle'),
  ]);
}

export async function recordRenewal(sql: Sql, input: LedgerInput<'recordRenewal'>): Promise<void> {
  const { state } = await lockLeaseSet(sql, input.leaseSet);
  if (state !== 'current' && state !== 'retiring') conflict(`nothing is renewed in ${state}`);
  await Promise.all([recordEnds(sql, input.leaseSet, input), putWork(sql, input.work)]);
}

async function recordEnds(
  sql: Sql,
  leaseSet: string,
  { expiresAt: soonest, credentials = [] }: CredentialEnds,
): Promise<void> {
  await Promise.all([
    sql.run('UPDATE lease_set SET expires_at = $1 WHERE id = $2', soonest, leaseSet),
    // The soonest end of all is a lower bound for each whose own is not known.
    sql.run(
      `UPDATE credential SET expires_at = coalesce(
         (SELECT known.expires_at FROM unnest($3::text[], $4::bigint[]) AS known (id, expires_at)
          WHERE known.id = credential.id LIMIT 1),
         greatest(credential.expires_at, $1::bigint))
       WHERE lease_set = $2 AND settlement = 'held'`,
      soonest,
      leaseSet,
      credentials.map(({ id }) => id),
      credentials.map(({ expiresAt }) => expiresAt),
    ),
  ]);
}
