import type { Run } from '../runs.ts';
import type { UndeliveredLedger } from '../undelivered.ts';
import { fromRun } from './read-session.ts';
import { readRun } from './runs.ts';
import type { Sql } from './statements.ts';

type Input<Name extends keyof UndeliveredLedger> = Parameters<UndeliveredLedger[Name]>[0];

export function recordUndelivered(
  sql: Sql,
  { workload, node, code, cancels, at }: Input<'recordUndelivered'>,
): 'recorded' | 'known' | 'over' | 'unknown' {
  const run = sql.get('SELECT state FROM run WHERE workload = ?', workload);
  if (run === undefined) return 'unknown';
  if (run['state'] !== 'active') return 'over';
  const inserted = sql.run(
    `INSERT INTO undelivered (workload, node, code, cancels, at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (workload, node) DO NOTHING`,
    workload,
    node,
    code,
    cancels ? 1 : 0,
    at,
  );
  return inserted === 1 ? 'recorded' : 'known';
}

export function listRunsToCancel(sql: Sql, { cluster }: Input<'listRunsToCancel'>): readonly Run[] {
  return sql
    .all(
      `${fromRun} WHERE state = 'active' AND cluster = ?
         AND workload IN (SELECT workload FROM undelivered WHERE cancels = 1) ORDER BY seq`,
      cluster,
    )
    .map((row) => readRun(sql, row));
}
