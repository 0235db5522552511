import { toUnrecordedEnd } from '../stored/assemble.ts';
import type { LedgerInput } from '../input.ts';
import type { UnrecordedEnd } from '../unrecorded-ends.ts';
import type { Sql } from './statements.ts';

export function addUnrecordedEnd(
  sql: Sql,
  { session, end: { reason, note, by }, unrecorded, at }: LedgerInput<'beginRevoke'>,
): void {
  if (unrecorded === undefined) return;
  sql.run(
    'INSERT INTO unrecorded_end (id, session, replica, reason, note, by, at) VALUES (?, ?, ?, ?, ?, ?, ?)',
    unrecorded.id,
    session,
    unrecorded.replica,
    reason,
    note,
    by,
    at,
  );
}

export function takeUnrecordedEnds(
  sql: Sql,
  { replica, limit }: LedgerInput<'takeUnrecordedEnds'>,
): readonly UnrecordedEnd[] {
  const found = sql.all(
    `SELECT * FROM unrecorded_end WHERE replica <> ? AND replica NOT IN (SELECT id FROM replica) ORDER BY id LIMIT ?`,
    replica,
    limit,
  );
  const ends = found.map(toUnrecordedEnd);
  for (const { id } of ends) sql.run('UPDATE unrecorded_end SET replica = ? WHERE id = ?', replica, id);
  return ends;
}

export function listUnrecordedEnds(
  sql: Sql,
  { replica, limit }: LedgerInput<'listUnrecordedEnds'>,
): readonly UnrecordedEnd[] {
  return sql
    .all('SELECT * FROM unrecorded_end WHERE replica = ? ORDER BY id LIMIT ?', replica, limit)
    .map(toUnrecordedEnd);
}

export function removeUnrecordedEnds(sql: Sql, ids: readonly string[]): void {
  for (const id of ids) sql.run('DELETE FROM unrecorded_end WHERE id = ?', id);
}
