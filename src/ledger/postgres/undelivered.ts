import type { Run } from '../runs.ts';
import type { UndeliveredLedger } from '../undelivered.ts';
import { fromRun } from './read-session.ts';
import { readRun } from './runs.ts';
import type { Sql } from './statements.ts';

type Input<Name extends keyof UndeliveredLedger> = Parameters<UndeliveredLedger[Name]>[0];

/** The run is locked: one that ends in the same moment is `over`, or ends after this. */
export async function recordUndelivered(
  sql: Sql,
  { workload, node, code, cancels, at }: Input<'recordUndelivered'>,
): Promise<'recorded' | 'known' | 'over' | 'unknown'> {
  const run = await sql.get('SELECT state FROM run WHERE workload = $1 FOR SHARE', workload);
  if (run === undefined) return 'unknown';
  if (run['state'] !== 'active') return 'over';
  const inserted = await sql.run(
    `INSERT INTO undelivered (workload, node, code, cancels, at) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (workload, node) DO NOTHING`,
    workload,
    node,
    code,
    cancels,
    at,
  );
  return inserted === 1 ? 'recorded' : 'known';
}

export async function listRunsToCancel(
  sql: Sql,
  { cluster }: Input<'listRunsToCancel'>,
): Promise<readonly Run[]> {
  const rows = await sql.all(
    `${fromRun} WHERE state = 'active' AND cluster = $1
       AND workload IN (SELECT workload FROM undelivered WHERE cancels) ORDER BY seq`,
    cluster,
  );
  return Promise.all(rows.map((row) => readRun(sql, row)));
}
