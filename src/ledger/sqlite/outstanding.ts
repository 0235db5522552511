import type { LedgerInput } from '../input.ts';
import type { OutstandingPath } from '../ledger.ts';
import { outstandingRow, parseRow } from '../stored/rows.ts';
import type { Sql } from './statements.ts';
import { putWork } from './work-items.ts';

export function listOutstanding(sql: Sql): readonly OutstandingPath[] {
  return sql
    .all(
      `SELECT path, count(*) AS count, min(since) AS since, max(why) AS why FROM credential
       WHERE settlement = 'outstanding' GROUP BY path ORDER BY min(since), path`,
    )
    .map((row) => parseRow(outstandingRow, row, 'outstanding path'));
}

export function hastenRevocations(sql: Sql, input: LedgerInput<'hastenRevocations'>): number {
  const found = sql.all(
    `SELECT work.subject AS subject FROM credential
     JOIN lease_set ON lease_set.id = credential.lease_set AND lease_set.state = 'revoking'
     JOIN work ON work.subject = lease_set.id AND work.kind = 'revoke'
     WHERE credential.settlement = 'outstanding' AND credential.path = ?
       AND work.claimed_by IS NULL AND work.available_at > ?
     GROUP BY work.subject ORDER BY min(credential.attempts), min(credential.since), work.subject LIMIT ?`,
    input.path,
    input.at,
    Math.max(0, input.limit),
  );
  putWork(
    sql,
    found.map(({ subject }) => ({ kind: 'revoke', subject: String(subject), dueAt: input.at })),
  );
  return found.length;
}
