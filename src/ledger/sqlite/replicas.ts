import type { LedgerInput } from '../input.ts';
import type { Replica } from '../replicas.ts';
import { heldRow, parseRow, replicaRow } from '../stored/rows.ts';
import type { Sql } from './statements.ts';

export function joinReplica(
  sql: Sql,
  { id, address }: LedgerInput<'joinReplica'>,
): { readonly epoch: number } {
  // AUTOINCREMENT: REPLACE gives an epoch that was never used.
  const row = sql.get(
    'INSERT OR REPLACE INTO replica (id, address) VALUES (?, ?) RETURNING id, address, epoch, beats',
    id,
    address,
  );
  return { epoch: parseRow(replicaRow, row, 'replica').epoch };
}

export function beatReplica(sql: Sql, id: string): readonly Replica[] {
  sql.run('UPDATE replica SET beats = beats + 1 WHERE id = ?', id);
  return sql
    .all('SELECT id, address, epoch, beats FROM replica ORDER BY epoch')
    .map((row) => parseRow(replicaRow, row, 'replica'));
}

export function removeReplica(sql: Sql, { id, beats }: LedgerInput<'removeReplica'>): boolean {
  const removed =
    beats === undefined
      ? sql.run('DELETE FROM replica WHERE id = ?', id)
      : sql.run('DELETE FROM replica WHERE id = ? AND beats = ?', id, beats);
  if (removed === 0) return false;
  sql.run('UPDATE session SET owner_replica = NULL WHERE owner_replica = ?', id);
  sql.run('UPDATE work SET claimed_by = NULL, available_at = due_at WHERE claimed_by = ?', id);
  return true;
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
