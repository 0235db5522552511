import type { Absent, AwaitedLedger } from '../awaited.ts';
import type { Sql } from './statements.ts';
import { withoutAll } from '../stored/without-all.ts';
import { recordUndelivered } from './undelivered.ts';

type Input<Name extends keyof AwaitedLedger> = Parameters<AwaitedLedger[Name]>[0];

export function seeRunning(
  sql: Sql,
  { running, others, silenceMs, waitMs, at }: Input<'seeRunning'>,
): readonly string[] {
  sql.run(
    `UPDATE awaited SET since = NULL, seen = NULL
     WHERE since IS NOT NULL AND workload IN (SELECT value FROM json_each(?))`,
    JSON.stringify(others),
  );
  return sql
    .all(
      `UPDATE awaited SET since = CASE WHEN abs(? - seen) <= ? THEN since ELSE ? END, seen = ?
       WHERE workload IN (SELECT value FROM json_each(?)) RETURNING workload, since`,
      at,
      silenceMs,
      at,
      at,
      JSON.stringify(running),
    )
    .filter((row) => Number(row['since']) <= at - waitMs)
    .map((row) => String(row['workload']));
}

export function restartWaits(sql: Sql): void {
  sql.run('UPDATE awaited SET since = NULL, seen = NULL WHERE since IS NOT NULL');
}

export function stopAwaiting(sql: Sql, input?: Input<'stopAwaiting'>): void {
  if (input === undefined) sql.run('DELETE FROM awaited');
  else for (const workload of input.workloads) sql.run('DELETE FROM awaited WHERE workload = ?', workload);
}

export function recordAbsent(
  sql: Sql,
  { workload, nodes: all, code, limit, waitMs, at }: Input<'recordAbsent'>,
): Absent {
  const run = sql.get('SELECT state FROM run WHERE workload = ?', workload);
  const awaited = sql.get('SELECT 1 FROM awaited WHERE workload = ? AND seen - since >= ?', workload, waitMs);
  if (run?.['state'] !== 'active' || awaited === undefined) return { nodes: [], count: 0 };
  const came = sql.get('SELECT min(created_at) AS first FROM session WHERE workload = ?', workload);
  const first = Number(came?.['first'] ?? at);
  if (first > at - waitMs) {
    sql.run('UPDATE awaited SET since = ? WHERE workload = ?', first, workload);
    return { nodes: [], count: 0 };
  }
  // A session that is one node's alone has no row of the others.
  const heard = sql
    .all(
      `SELECT holder.name AS name FROM holder JOIN session ON session.id = holder.session
       WHERE session.workload = ?
         AND (holder.attached = 1 OR holder.replica IS NOT NULL OR holder.delivered_at IS NOT NULL)
       UNION SELECT node FROM undelivered WHERE workload = ?`,
      workload,
      workload,
    )
    .map((row) => String(row['name']));
  const absent = withoutAll(all, heard);
  const nodes = absent.slice(0, limit);
  for (const node of nodes) recordUndelivered(sql, { workload, node, code, cancels: true, at });
  sql.run('DELETE FROM awaited WHERE workload = ?', workload);
  return { nodes, count: absent.length };
}
