import { z } from 'zod';
import { conflict } from '../conflict.ts';
import type { LedgerInput } from '../input.ts';
import type { Delivered, Holder, Lacking } from '../ledger.ts';
import { toHolder } from '../stored/assemble.ts';
import { lockSession, readSession } from './read-session.ts';
import { parseRow, type SessionRow } from '../stored/rows.ts';
import { tell } from './notify.ts';
import type { Sql } from './statements.ts';
import { putWork, removeWork } from './work-items.ts';

/** The session must be locked. True when the holder was at another replica, which is to be told. */
export async function attach(
  sql: Sql,
  session: SessionRow,
  input: { readonly holder: string; readonly replica: string },
): Promise<boolean> {
  if (session.state === 'ended') conflict('the session has ended');
  const { holder, replica } = input;
  const [moved, found] = await Promise.all([
    sql.get(
      'SELECT 1 FROM holder WHERE session = $1 AND name = $2 AND attached AND replica <> $3',
      session.id,
      holder,
      replica,
    ),
    sql.run(
      'UPDATE holder SET attached = true, replica = $3 WHERE session = $1 AND name = $2',
      session.id,
      holder,
      replica,
    ),
    removeWork(sql, session.id, 'detached'),
  ]);
  if (found === 0) conflict('no such holder');
  return moved !== undefined;
}

/** Returns what `attach` does. */
export async function attachHolder(sql: Sql, input: LedgerInput<'attachHolder'>): Promise<boolean> {
  return attach(sql, await lockSession(sql, input.session), input);
}

/** With what `attach` returns. */
export async function reattachHolder(
  sql: Sql,
  input: LedgerInput<'reattachHolder'>,
): Promise<{ readonly delivered: Delivered; readonly moved: boolean }> {
  const session = await lockSession(sql, input.session);
  const moved = await attach(sql, session, input);
  return { delivered: await recordWord(sql, session, input), moved };
}

export async function detach(sql: Sql, input: LedgerInput<'detachHolder'>): Promise<void> {
  const [{ state }] = await Promise.all([lockSession(sql, input.session), requireHolder(sql, input)]);
  const [left, others] = await Promise.all([
    sql.run(
      'UPDATE holder SET attached = false WHERE session = $1 AND name = $2 AND attached AND replica = $3',
      input.session,
      input.holder,
      input.replica,
    ),
    sql.get('SELECT 1 FROM holder WHERE session = $1 AND attached LIMIT 1', input.session),
  ]);
  // A second word of the same end must not put off what the first one set.
  if (left === 0 || others !== undefined || state === 'revoking' || state === 'ended') return;
  await putWork(sql, [{ kind: 'detached', subject: input.session, dueAt: input.dueAt }]);
}

/** Sessions that nobody was attached to before keep the time they have. */
export async function detachGone(sql: Sql, input: LedgerInput<'detachGone'>): Promise<void> {
  await sql.run(
    `UPDATE holder SET attached = false
     WHERE attached AND NOT EXISTS (SELECT 1 FROM replica WHERE replica.id = holder.replica)`,
  );
  await sql.run(
    `INSERT INTO work (kind, subject, due_at, available_at)
     SELECT 'detached', id, due, due FROM (
       SELECT session.id, greatest($1::bigint, least($2::bigint, lease_set.expires_at - $3::bigint)) AS due
       FROM session LEFT JOIN lease_set ON lease_set.session = session.id AND lease_set.state = 'current'
       WHERE session.state <> 'ended' AND session.state <> 'revoking'
         AND NOT EXISTS (SELECT 1 FROM holder WHERE holder.session = session.id AND holder.attached)) AS held
     ON CONFLICT (subject, kind) DO NOTHING`,
    input.at,
    input.dueAt,
    input.marginMs,
  );
}

export async function recordDelivered(sql: Sql, input: LedgerInput<'recordDelivered'>): Promise<Delivered> {
  const [session] = await Promise.all([lockSession(sql, input.session), requireHolder(sql, input)]);
  return recordWord(sql, session, input);
}

/** The session must be locked, and the holder one of its. */
async function recordWord(
  sql: Sql,
  session: SessionRow,
  input: LedgerInput<'recordDelivered'>,
): Promise<Delivered> {
  if (session.generation_number === 0 || session.generation_id !== input.generation)
    conflict('not the current generation');
  const [, lacking, ended, supersedes, after] = await Promise.all([
    // Told twice, the first time stands.
    sql.run(
      `UPDATE holder SET generation_id = $1, generation_number = $2, delivered_at = $3, wiped_at = NULL
       WHERE session = $4 AND name = $5 AND (generation_id <> $1 OR wiped_at IS NOT NULL)`,
      input.generation,
      session.generation_number,
      input.at,
      input.session,
      input.holder,
    ),
    lookForLacking(sql, input.session, session.generation_number),
    // Nobody needs the values any more.
    sql.run(
      `UPDATE session SET owner_replica = NULL WHERE id = $1 AND owner_replica IS NOT NULL
         AND NOT EXISTS (SELECT 1 FROM holder WHERE session = $1 AND generation_number < $2)`,
      input.session,
      session.generation_number,
    ),
    sql.get(
      `SELECT 1 FROM session WHERE workload = $1 AND bundle = $2 AND node = $3 AND state = 'superseded' LIMIT 1`,
      session.workload,
      session.bundle,
      session.node,
    ),
    readSession(sql, input.session),
  ]);
  if (ended === 1) await tellOwner(sql, session);
  return { session: after, lacking, supersedes: supersedes !== undefined };
}

const lackingRow = z.object({ any: z.boolean(), attached: z.boolean(), older: z.boolean() });

/** A holder's number is never above its session's, so that each question is one step into an index. */
async function lookForLacking(sql: Sql, session: string, current: number): Promise<Lacking> {
  const exists = (where: string) =>
    `EXISTS (SELECT 1 FROM holder WHERE session = $1 AND generation_number < $2${where})`;
  const row = await sql.get(
    `SELECT ${exists('')} AS any, ${exists(' AND attached')} AS attached, ${exists(' AND generation_number > 0')} AS older`,
    session,
    current,
  );
  return parseRow(lackingRow, row, 'holder');
}

/** An owner that a word at another replica frees. */
async function tellOwner(sql: Sql, { id, owner_replica: owner }: SessionRow): Promise<void> {
  const elsewhere = 'SELECT 1 FROM holder WHERE session = $1 AND replica IS DISTINCT FROM $2 LIMIT 1';
  if ((await sql.get(elsewhere, id, owner)) !== undefined) await tell(sql, { kind: 'session', id });
}

export async function findHolder(
  sql: Sql,
  { session, holder }: LedgerInput<'findHolder'>,
): Promise<Holder | undefined> {
  const row = await sql.get('SELECT * FROM holder WHERE session = $1 AND name = $2', session, holder);
  return row === undefined ? undefined : toHolder(row);
}

export async function listHolders(
  sql: Sql,
  sessions: readonly string[],
): Promise<ReadonlyMap<string, readonly Holder[]>> {
  const found = new Map<string, Holder[]>(sessions.map((id) => [id, []]));
  const rows = await sql.all(
    'SELECT * FROM holder WHERE session = ANY ($1::text[]) ORDER BY session, position',
    sessions,
  );
  for (const row of rows) found.get(String(row['session']))?.push(toHolder(row));
  return found;
}

const othersRow = z.object({ attached: z.boolean(), unwiped: z.boolean() });

export async function lookAtOthers(
  sql: Sql,
  { session, holder }: LedgerInput<'lookAtOthers'>,
): Promise<{ readonly attached: boolean; readonly unwiped: boolean }> {
  const exists = (where: string) =>
    `EXISTS (SELECT 1 FROM holder WHERE session = $1 AND name <> $2 AND ${where})`;
  const row = await sql.get(
    `SELECT ${exists('attached')} AS attached, ${exists('wiped_at IS NULL')} AS unwiped`,
    session,
    holder,
  );
  return parseRow(othersRow, row, 'holder');
}

export async function isAttachedElsewhere(
  sql: Sql,
  input: LedgerInput<'isAttachedElsewhere'>,
): Promise<boolean> {
  const elsewhere = 'SELECT 1 FROM holder WHERE session = $1 AND attached AND replica <> $2 LIMIT 1';
  return (await sql.get(elsewhere, input.session, input.replica)) !== undefined;
}

export async function recordWiped(sql: Sql, input: LedgerInput<'recordWiped'>): Promise<void> {
  await Promise.all([lockSession(sql, input.session), requireHolder(sql, input)]);
  await sql.run(
    'UPDATE holder SET wiped_at = $1 WHERE session = $2 AND name = $3 AND wiped_at IS NULL',
    input.at,
    input.session,
    input.holder,
  );
}

async function requireHolder(
  sql: Sql,
  { session, holder }: { readonly session: string; readonly holder: string },
): Promise<void> {
  const found = await sql.get('SELECT 1 FROM holder WHERE session = $1 AND name = $2', session, holder);
  if (found === undefined) conflict('no such holder');
}
