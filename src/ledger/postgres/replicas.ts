import type { LedgerInput } from '../input.ts';
import type { Replica } from '../replicas.ts';
import { heldRow, parseRow, replicaRow } from '../stored/rows.ts';
import type { Sql } from './statements.ts';

export async function joinReplica(
  sql: Sql,
  { id, address }: LedgerInput<'joinReplica'>,
): Promise<{ readonly epoch: number }> {
  await sql.run('DELETE FROM replica WHERE id = $1', id);
  const [row] = await sql.change(
    'INSERT INTO replica (id, address) VALUES ($1, $2) RETURNING id, address, epoch, beats, answers',
    id,
    address,
  );
  return { epoch: parseRow(replicaRow, row, 'replica').epoch };
}

export async function beatReplica(
  sql: Sql,
  { id, answers }: LedgerInput<'beatReplica'>,
): Promise<readonly Replica[]> {
  await sql.run(
    'UPDATE replica SET beats = beats + 1, answers = $2 WHERE id = $1',
    id,
    JSON.stringify(answers),
  );
  const rows = await sql.all('SELECT id, address, epoch, beats, answers FROM replica ORDER BY epoch');
  return rows.map((row) => parseRow(replicaRow, row, 'replica'));
}

export async function removeReplica(sql: Sql, { id, beats }: LedgerInput<'removeReplica'>): Promise<boolean> {
  const removed = await sql.run(
    'DELETE FROM replica WHERE id = $1 AND ($2::bigint IS NULL OR beats = $2)',
    id,
    beats ?? null,
  );
  if (removed === 0) return false;
  await releaseClaims(sql, id);
  return true;
}

/** A new version, so that a claim from before cannot be finished. */
export async function releaseClaims(sql: Sql, replica: string): Promise<void> {
  await Promise.all([
    sql.run('UPDATE session SET owner_replica = NULL WHERE owner_replica = $1', replica),
    // It may be in the middle of a revocation, whose outcome nobody is told.
    sql.run(
      `UPDATE credential SET maybe_revoked = true WHERE settlement = 'outstanding' AND lease_set IN
         (SELECT subject FROM work WHERE kind = 'revoke' AND claimed_by = $1)`,
      replica,
    ),
    sql.run(
      `UPDATE work SET claimed_by = NULL, available_at = due_at, version = nextval('work_version') WHERE claimed_by = $1`,
      replica,
    ),
  ]);
}

export async function listHeldBy(
  sql: Sql,
  replica: string,
): Promise<readonly { readonly session: string; readonly generation: string }[]> {
  const rows = await sql.all(
    `SELECT DISTINCT session.id AS session, session.generation_id AS generation FROM holder
     JOIN session ON session.id = holder.session
     WHERE holder.replica = $1 AND holder.attached AND session.state IN ('opening', 'active', 'superseded')`,
    replica,
  );
  return rows.map((row) => parseRow(heldRow, row, 'session'));
}
