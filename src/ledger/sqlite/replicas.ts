import type { LedgerInput } from '../input.ts';
import type { Replica } from '../replicas.ts';
import { heldRow, parseRow, replicaRow, workRow } from '../stored/rows.ts';
import type { Sql } from './statements.ts';
import { putWork } from './work-items.ts';

export function joinReplica(
  sql: Sql,
  { id, address }: LedgerInput<'joinReplica'>,
): { readonly epoch: number } {
  // AUTOINCREMENT: REPLACE gives an epoch that was never used.
  const row = sql.get(
    'INSERT OR REPLACE INTO replica (id, address) VALUES (?, ?) RETURNING id, address, epoch, beats, answers',
    id,
    address,
  );
  return { epoch: parseRow(replicaRow, row, 'replica').epoch };
}

export function beatReplica(sql: Sql, { id, answers }: LedgerInput<'beatReplica'>): readonly Replica[] {
  sql.run('UPDATE replica SET beats = beats + 1, answers = ? WHERE id = ?', JSON.stringify(answers), id);
  return sql
    .all('SELECT id, address, epoch, beats, answers FROM replica ORDER BY epoch')
    .map((row) => parseRow(replicaRow, row, 'replica'));
}

export function removeReplica(sql: Sql, { id, beats }: LedgerInput<'removeReplica'>): boolean {
  const removed =
    beats === undefined
      ? sql.run('DELETE FROM replica WHERE id = ?', id)
      : sql.run('DELETE FROM replica WHERE id = ? AND beats = ?', id, beats);
  if (removed === 0) return false;
  releaseClaims(sql, id);
  return true;
}

/** Put again, which gives a new version: a claim from before cannot be finished. */
export function releaseClaims(sql: Sql, replica: string): void {
  sql.run('UPDATE session SET owner_replica = NULL WHERE owner_replica = ?', replica);
  const claimed = sql
    .all('SELECT version, kind, subject, due_at FROM work WHERE claimed_by = ? ORDER BY version', replica)
    .map((row) => parseRow(workRow, row, 'work item'));
  // It may be in the middle of a revocation, whose outcome nobody is told.
  for (const { subject } of claimed.filter(({ kind }) => kind === 'revoke'))
    sql.run(
      `UPDATE credential SET maybe_revoked = 1 WHERE lease_set = ? AND settlement = 'outstanding'`,
      subject,
    );
  putWork(
    sql,
    claimed.map(({ kind, subject, due_at: dueAt }) => ({ kind, subject, dueAt })),
  );
}

export function listHeldBy(
  sql: Sql,
  replica: string,
): readonly { readonly session: string; readonly generation: string }[] {
  return sql
    .all(
      `SELECT session.id AS session, session.generation_id AS generation FROM holder
       JOIN session ON session.id = holder.session
       WHERE holder.replica = ? AND holder.attached = 1 AND session.state IN ('opening', 'active', 'superseded')
       GROUP BY session.id`,
      replica,
    )
    .map((row) => parseRow(heldRow, row, 'session'));
}
