import type { Absent, AwaitedLedger } from '../awaited.ts';
import type { Sql } from './statements.ts';
import { withoutAll } from '../stored/without-all.ts';
import { recordUndelivered } from './undelivered.ts';

type Input<Name extends keyof AwaitedLedger> = Parameters<AwaitedLedger[Name]>[0];

/** In one order, so that reports to two brokers at once do not wait for each other's rows. */
const locked = (array: string) =>
  `SELECT workload FROM awaited WHERE workload = ANY(${array}::text[]) ORDER BY workload FOR UPDATE`;

export async function seeRunning(
  sql: Sql,
  { running, others, silenceMs, waitMs, at }: Input<'seeRunning'>,
): Promise<readonly string[]> {
  const [, rows] = await Promise.all([
    sql.run(
      `UPDATE awaited SET since = NULL, seen = NULL WHERE since IS NOT NULL AND workload IN (${locked('$1')})`,
      others,
    ),
    sql.change(
      `UPDATE awaited SET since = CASE WHEN abs($2::bigint - seen) <= $3::bigint THEN since ELSE $2::bigint END, seen = $2::bigint
       WHERE workload IN (${locked('$1')}) RETURNING workload, since`,
      running,
      at,
      silenceMs,
    ),
  ]);
  return rows
    .filter((row) => Number(row['since']) <= at - waitMs)
    .map((row) => String(row['workload']))
    .toSorted();
}

export async function restartWaits(sql: Sql): Promise<void> {
  await sql.run('UPDATE awaited SET since = NULL, seen = NULL WHERE since IS NOT NULL');
}

export async function stopAwaiting(sql: Sql, input?: Input<'stopAwaiting'>): Promise<void> {
  if (input === undefined) await sql.run('DELETE FROM awaited');
  else await sql.run(`DELETE FROM awaited WHERE workload IN (${locked('$1')})`, input.workloads);
}

/** The run and its wait are locked: it is decided by one broker, and an end in the same moment comes before or after. */
export async function recordAbsent(
  sql: Sql,
  { workload, nodes: all, code, limit, waitMs, at }: Input<'recordAbsent'>,
): Promise<Absent> {
  const run = await sql.get('SELECT state FROM run WHERE workload = $1 FOR SHARE', workload);
  const awaited = await sql.get(
    'SELECT 1 FROM awaited WHERE workload = $1 AND seen - since >= $2 FOR UPDATE',
    workload,
    waitMs,
  );
  if (run?.['state'] !== 'active' || awaited === undefined) return { nodes: [], count: 0 };
  const came = await sql.get('SELECT min(created_at) AS first FROM session WHERE workload = $1', workload);
  const first = Number(came?.['first'] ?? at);
  if (first > at - waitMs) {
    await sql.run('UPDATE awaited SET since = $1 WHERE workload = $2', first, workload);
    return { nodes: [], count: 0 };
  }
  // A session that is one node's alone has no row of the others.
  const heard = await sql.all(
    `SELECT holder.name AS name FROM holder JOIN session ON session.id = holder.session
     WHERE session.workload = $1 AND (holder.attached OR holder.replica IS NOT NULL OR holder.delivered_at IS NOT NULL)
     UNION SELECT node FROM undelivered WHERE workload = $1`,
    workload,
  );
  const names = heard.map((row) => String(row['name']));
  const absent = withoutAll(all, names);
  const nodes = absent.slice(0, limit);
  for (const node of nodes) await recordUndelivered(sql, { workload, node, code, cancels: true, at });
  await sql.run('DELETE FROM awaited WHERE workload = $1', workload);
  return { nodes, count: absent.length };
}
