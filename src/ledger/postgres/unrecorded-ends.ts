import { toUnrecordedEnd } from '../stored/assemble.ts';
import type { LedgerInput } from '../input.ts';
import type { UnrecordedEnd } from '../unrecorded-ends.ts';
import type { Sql } from './statements.ts';

export async function addUnrecordedEnd(
  sql: Sql,
  { session, end: { reason, note, by }, unrecorded, at }: LedgerInput<'beginRevoke'>,
): Promise<void> {
  if (unrecorded === undefined) return;
  await sql.run(
    'INSERT INTO unrecorded_end (id, session, replica, reason, note, by, at) VALUES ($1, $2, $3, $4, $5, $6, $7)',
    unrecorded.id,
    session,
    unrecorded.replica,
    reason,
    note,
    by,
    at,
  );
}

export async function takeUnrecordedEnds(
  sql: Sql,
  { replica, limit }: LedgerInput<'takeUnrecordedEnds'>,
): Promise<readonly UnrecordedEnd[]> {
  const rows = await sql.change(
    `WITH taken AS (
       UPDATE unrecorded_end SET replica = $1 WHERE id IN
         (SELECT id FROM unrecorded_end WHERE replica <> $1 AND replica NOT IN (SELECT id FROM replica)
          ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)
       RETURNING *)
     SELECT * FROM taken ORDER BY id`,
    replica,
    limit,
  );
  return rows.map(toUnrecordedEnd);
}

export async function listUnrecordedEnds(
  sql: Sql,
  { replica, limit }: LedgerInput<'listUnrecordedEnds'>,
): Promise<readonly UnrecordedEnd[]> {
  const rows = await sql.all(
    'SELECT * FROM unrecorded_end WHERE replica = $1 ORDER BY id LIMIT $2',
    replica,
    limit,
  );
  return rows.map(toUnrecordedEnd);
}

export async function removeUnrecordedEnds(sql: Sql, ids: readonly string[]): Promise<void> {
  await sql.run('DELETE FROM unrecorded_end WHERE id = ANY ($1::text[])', ids);
}
