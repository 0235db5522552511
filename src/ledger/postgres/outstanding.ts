import type { LedgerInput } from '../input.ts';
import type { OutstandingPath } from '../ledger.ts';
import { outstandingRow, parseRow } from '../stored/rows.ts';
import type { Sql } from './statements.ts';

export async function listOutstanding(sql: Sql): Promise<readonly OutstandingPath[]> {
  const rows = await sql.all(
    `SELECT path, count(*) AS count, min(since) AS since, max(why) AS why FROM credential
     WHERE settlement = 'outstanding' GROUP BY path ORDER BY min(since), path`,
  );
  return rows.map((row) => parseRow(outstandingRow, row, 'outstanding path'));
}

/** An item that another broker is about to claim needs no haste. */
export async function hastenRevocations(sql: Sql, input: LedgerInput<'hastenRevocations'>): Promise<number> {
  return sql.run(
    `WITH late AS MATERIALIZED (
       SELECT work.subject AS subject FROM credential
       JOIN lease_set ON lease_set.id = credential.lease_set AND lease_set.state = 'revoking'
       JOIN work ON work.subject = lease_set.id AND work.kind = 'revoke'
       WHERE credential.settlement = 'outstanding' AND credential.path = $1
         AND work.claimed_by IS NULL AND work.available_at > $2
       GROUP BY work.subject ORDER BY min(credential.attempts), min(credential.since), work.subject LIMIT $3
     ), locked AS MATERIALIZED (
       SELECT subject FROM work WHERE kind = 'revoke' AND subject IN (SELECT subject FROM late)
         AND claimed_by IS NULL AND available_at > $2
       ORDER BY subject FOR UPDATE SKIP LOCKED
     )
     UPDATE work SET version = nextval('work_version'), due_at = $2, available_at = $2
     FROM locked WHERE work.subject = locked.subject AND work.kind = 'revoke'`,
    input.path,
    input.at,
    Math.max(0, input.limit),
  );
}
