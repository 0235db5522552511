import { isDeepStrictEqual } from 'node:util';
import type { Identity } from '../../identity/identity.ts';
import { LeaseholdError } from '../../platform/error.ts';
import { isOtherSluid } from '../../platform/sluid.ts';
import type { NewRun, Run, RunLedger, ShownRun } from '../runs.ts';
import { conflict } from '../conflict.ts';
import { toRun, toShownRun } from '../stored/assemble.ts';
import { parseRow, runRow, type RunRow } from '../stored/rows.ts';
import { parseIdentity } from '../stored/stored-json.ts';
import { fromRun } from './read-session.ts';
import type { Row, Sql } from './statements.ts';

type Input<Name extends keyof RunLedger> = Parameters<RunLedger[Name]>[0];

export function registerRun(
  sql: Sql,
  { run, awaited = false, at }: Input<'registerRun'>,
): { readonly outcome: 'created' | 'existing'; readonly run: Run; readonly ended: readonly string[] } {
  const { workload, cluster, jobId, start } = run.identity;
  const known = findRun(sql, workload);
  if (known !== undefined) return { outcome: 'existing', run: again(sql, known, run), ended: [] };
  const later = sql.get(
    'SELECT start FROM run WHERE cluster = ? AND job_id = ? AND start > ? LIMIT 1',
    cluster,
    jobId,
    start,
  );
  if (later !== undefined) return conflict('a later run of the same job is registered');
  const ended = sql
    .all(
      `UPDATE run SET state = 'ended', ended_at = ?, ending_at = coalesce(ending_at, ?)
       WHERE cluster = ? AND job_id = ? AND state <> 'ended' RETURNING workload`,
      at,
      at,
      cluster,
      jobId,
    )
    .map((row) => String(row['workload']));
  sql.run(
    `INSERT INTO run (workload, cluster, job_id, start, identity, restarts, sluid, ends_at, bundles, state, registered_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'active', ?)`,
    workload,
    cluster,
    jobId,
    start,
    JSON.stringify(run.identity),
    run.restarts,
    run.sluid ?? null,
    run.endsAt ?? null,
    JSON.stringify(run.bundles),
    at,
  );
  if (awaited) sql.run('INSERT INTO awaited (workload) VALUES (?)', workload);
  return { outcome: 'created', run: requireRun(sql, workload), ended };
}

/** The hook on the controller runs again after a restart: the same word twice is one run. */
function again(sql: Sql, known: Run, { identity, sluid, endsAt }: NewRun): Run {
  if (!isDeepStrictEqual(known.identity, { ...identity }))
    return conflict('another identity is registered under this name');
  if (isOtherSluid(known.sluid, sluid)) return conflict('another run is registered under this name');
  if (known.state !== 'active' || known.endsAt === undefined) return known;
  if (endsAt !== undefined && endsAt <= known.endsAt) return known;
  setRunEnd(sql, { workload: identity.workload, endsAt });
  return requireRun(sql, identity.workload);
}

export function findRun(sql: Sql, workload: string): Run | undefined {
  const row = sql.get(`${fromRun} WHERE workload = ?`, workload);
  return row === undefined ? undefined : readRun(sql, row);
}

export function describeRuns(sql: Sql, workloads: readonly string[]): ReadonlyMap<string, ShownRun> {
  const ofOne = 'SELECT workload, restarts, sluid FROM run WHERE workload = ?';
  return new Map(workloads.flatMap((workload) => sql.all(ofOne, workload).map(toShownRun)));
}

export function readRun(sql: Sql, stored: Row): Run {
  const row = parseRow(runRow, stored, 'run');
  return toRun(row, row.identity === null ? largeIdentity(sql, row) : parseIdentity(row.identity));
}

function largeIdentity(sql: Sql, { seq, workload }: RunRow): Identity {
  const key = `${workload} ${seq}`;
  const known = sql.identities.find(key);
  return (
    known ?? sql.identities.keep(key, sql.get('SELECT identity FROM run WHERE seq = ?', seq)?.['identity'])
  );
}

export function findRunOfJob(sql: Sql, { cluster, jobId }: Input<'findRunOfJob'>): Run | undefined {
  const row = sql.get(`${fromRun} WHERE cluster = ? AND job_id = ? AND state <> 'ended'`, cluster, jobId);
  return row === undefined ? undefined : readRun(sql, row);
}

export function beginRunEnd(sql: Sql, { workload, at }: Input<'beginRunEnd'>): Run | undefined {
  sql.run(
    `UPDATE run SET state = 'ending', ending_at = ? WHERE workload = ? AND state = 'active'`,
    at,
    workload,
  );
  return findRun(sql, workload);
}

export function endRun(sql: Sql, { workload, at }: Input<'endRun'>): Run | undefined {
  const ended = sql.run(
    `UPDATE run SET state = 'ended', ended_at = ?, ending_at = coalesce(ending_at, ?)
     WHERE workload = ? AND state <> 'ended'`,
    at,
    at,
    workload,
  );
  return ended === 0 ? undefined : findRun(sql, workload);
}

export function setRunEnd(sql: Sql, { workload, endsAt }: Input<'setRunEnd'>): void {
  sql.run(`UPDATE run SET ends_at = ? WHERE workload = ? AND state = 'active'`, endsAt ?? null, workload);
}

export function listRuns(sql: Sql, query: Input<'listRuns'>): readonly Run[] {
  const rows = sql.all(
    `${fromRun} WHERE state <> 'ended' AND cluster = coalesce(?, cluster) AND state = coalesce(?, state) ORDER BY seq`,
    query?.cluster ?? null,
    query?.state ?? null,
  );
  return rows.map((row) => readRun(sql, row));
}

export function listEndedRunsHeld(sql: Sql): readonly string[] {
  return sql
    .all(
      `SELECT DISTINCT session.workload AS workload FROM session JOIN run ON run.workload = session.workload
       WHERE session.state <> 'ended' AND session.state IN ('opening', 'active', 'superseded') AND run.state = 'ended'
       ORDER BY session.workload`,
    )
    .map((row) => String(row['workload']));
}

export function findEndedRuns(sql: Sql, workloads: readonly string[]): readonly string[] {
  return sql
    .all(
      `SELECT value FROM json_each(?)
       WHERE NOT EXISTS (SELECT 1 FROM run WHERE run.workload = value AND run.state <> 'ended')`,
      JSON.stringify(workloads),
    )
    .map((row) => String(row['value']));
}

/** In the transaction that begins a session of it. Who believed it to be active was told of its end too late, or not at all. */
export function requireActiveRun(sql: Sql, workload: string): void {
  const row = sql.get('SELECT state FROM run WHERE workload = ?', workload);
  if (row?.['state'] === 'ending') throw new LeaseholdError('workload_terminating');
  if (row?.['state'] !== 'active') throw new LeaseholdError('workload_ended');
}

export function isRunHeld(sql: Sql, workload: string): boolean {
  const held = sql.get(
    `SELECT 1 FROM session JOIN holder ON holder.session = session.id
     WHERE session.workload = ? AND session.state IN ('opening', 'active', 'superseded')
       AND holder.attached = 1 AND holder.wiped_at IS NULL LIMIT 1`,
    workload,
  );
  return held !== undefined;
}

export function bindNode(
  sql: Sql,
  { cluster, node, key, notBefore, at }: Input<'bindNode'>,
): 'bound' | 'same' | 'rebound' | 'refused' {
  const bound = sql.get('SELECT key, not_before FROM node_key WHERE cluster = ? AND node = ?', cluster, node);
  if (bound === undefined) {
    sql.run(
      'INSERT INTO node_key (cluster, node, key, not_before, bound_at) VALUES (?, ?, ?, ?, ?)',
      cluster,
      node,
      key,
      notBefore,
      at,
    );
    return 'bound';
  }
  const isNewer = notBefore > Number(bound['not_before']);
  if (bound['key'] === key && !isNewer) return 'same';
  if (!isNewer) return 'refused';
  sql.run(
    'UPDATE node_key SET key = ?, not_before = ?, bound_at = ? WHERE cluster = ? AND node = ?',
    key,
    notBefore,
    at,
    cluster,
    node,
  );
  return bound['key'] === key ? 'same' : 'rebound';
}

function requireRun(sql: Sql, workload: string): Run {
  return findRun(sql, workload) ?? conflict('the run is not there any more');
}
