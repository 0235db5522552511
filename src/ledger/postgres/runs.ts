import { isDeepStrictEqual } from 'node:util';
import { conflict } from '../conflict.ts';
import { LeaseholdError } from '../../platform/error.ts';
import { isOtherSluid } from '../../platform/sluid.ts';
import type { NewRun, Run, RunLedger, ShownRun } from '../runs.ts';
import type { Identity } from '../../identity/identity.ts';
import { toRun, toShownRun } from '../stored/assemble.ts';
import { parseRow, runRow, type RunRow } from '../stored/rows.ts';
import { parseIdentity } from '../stored/stored-json.ts';
import { fromRun } from './read-session.ts';
import type { Row, Sql } from './statements.ts';

type Input<Name extends keyof RunLedger> = Parameters<RunLedger[Name]>[0];
type Registered = Awaited<ReturnType<RunLedger['registerRun']>>;

/** Runs of one job are registered one after another: there may be no row yet that could be locked. */
export async function registerRun(
  sql: Sql,
  { run, awaited = false, at }: Input<'registerRun'>,
): Promise<Registered> {
  const { workload, cluster, jobId, start } = run.identity;
  const [, known, later] = await Promise.all([
    sql.get('SELECT pg_advisory_xact_lock(hashtext($1), hashtext($2))', `run ${cluster}`, String(jobId)),
    findRun(sql, workload),
    sql.get(
      'SELECT start FROM run WHERE cluster = $1 AND job_id = $2 AND start > $3 LIMIT 1',
      cluster,
      jobId,
      start,
    ),
  ]);
  if (known !== undefined) return { outcome: 'existing', run: await again(sql, known, run), ended: [] };
  if (later !== undefined) return conflict('a later run of the same job is registered');
  const [ended] = await Promise.all([
    sql.change(
      `UPDATE run SET state = 'ended', ended_at = $1, ending_at = coalesce(ending_at, $1)
       WHERE cluster = $2 AND job_id = $3 AND state <> 'ended' RETURNING workload`,
      at,
      cluster,
      jobId,
    ),
    sql.run(
      `INSERT INTO run (workload, cluster, job_id, start, identity, restarts, sluid, ends_at, bundles, state, registered_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'active', $10)`,
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
    ),
    ...(awaited ? [sql.run('INSERT INTO awaited (workload) VALUES ($1)', workload)] : []),
  ]);
  return {
    outcome: 'created',
    run: await requireRun(sql, workload),
    ended: ended.map((row) => String(row['workload'])),
  };
}

/** The hook on the controller runs again after a restart: the same word twice is one run. */
async function again(sql: Sql, known: Run, { identity, sluid, endsAt }: NewRun): Promise<Run> {
  if (!isDeepStrictEqual(known.identity, { ...identity }))
    return conflict('another identity is registered under this name');
  if (isOtherSluid(known.sluid, sluid)) return conflict('another run is registered under this name');
  if (known.state !== 'active' || known.endsAt === undefined) return known;
  if (endsAt !== undefined && endsAt <= known.endsAt) return known;
  await setRunEnd(sql, { workload: identity.workload, endsAt });
  return requireRun(sql, identity.workload);
}

export async function findRun(sql: Sql, workload: string): Promise<Run | undefined> {
  const row = await sql.get(`${fromRun} WHERE workload = $1`, workload);
  return row === undefined ? undefined : readRun(sql, row);
}

export async function describeRuns(
  sql: Sql,
  workloads: readonly string[],
): Promise<ReadonlyMap<string, ShownRun>> {
  const rows = await sql.all(
    'SELECT workload, restarts, sluid FROM run WHERE workload = ANY ($1::text[])',
    workloads,
  );
  return new Map(rows.map(toShownRun));
}

export async function readRun(sql: Sql, stored: Row): Promise<Run> {
  const row = parseRow(runRow, stored, 'run');
  return toRun(row, row.identity === null ? await largeIdentity(sql, row) : parseIdentity(row.identity));
}

async function largeIdentity(sql: Sql, { seq, workload }: RunRow): Promise<Identity> {
  const key = `${workload} ${seq}`;
  const known = sql.identities.find(key);
  if (known !== undefined) return known;
  return sql.identities.keep(
    key,
    (await sql.get('SELECT identity FROM run WHERE seq = $1', seq))?.['identity'],
  );
}

export async function findRunOfJob(
  sql: Sql,
  { cluster, jobId }: Input<'findRunOfJob'>,
): Promise<Run | undefined> {
  const row = await sql.get(
    `${fromRun} WHERE cluster = $1 AND job_id = $2 AND state <> 'ended'`,
    cluster,
    jobId,
  );
  return row === undefined ? undefined : readRun(sql, row);
}

export async function beginRunEnd(
  sql: Sql,
  { workload, at }: Input<'beginRunEnd'>,
): Promise<Run | undefined> {
  await sql.run(
    `UPDATE run SET state = 'ending', ending_at = $1 WHERE workload = $2 AND state = 'active'`,
    at,
    workload,
  );
  return findRun(sql, workload);
}

export async function endRun(sql: Sql, { workload, at }: Input<'endRun'>): Promise<Run | undefined> {
  const ended = await sql.run(
    `UPDATE run SET state = 'ended', ended_at = $1, ending_at = coalesce(ending_at, $1)
     WHERE workload = $2 AND state <> 'ended'`,
    at,
    workload,
  );
  return ended === 0 ? undefined : findRun(sql, workload);
}

export async function setRunEnd(sql: Sql, { workload, endsAt }: Input<'setRunEnd'>): Promise<void> {
  await sql.run(
    `UPDATE run SET ends_at = $1 WHERE workload = $2 AND state = 'active'`,
    endsAt ?? null,
    workload,
  );
}

export async function listRuns(sql: Sql, query: Input<'listRuns'>): Promise<readonly Run[]> {
  const rows = await sql.all(
    `${fromRun} WHERE state <> 'ended' AND cluster = coalesce($1, cluster) AND state = coalesce($2, state)
     ORDER BY seq`,
    query?.cluster ?? null,
    query?.state ?? null,
  );
  return Promise.all(rows.map((row) => readRun(sql, row)));
}

export async function listEndedRunsHeld(sql: Sql): Promise<readonly string[]> {
  const rows = await sql.all(
    `SELECT DISTINCT session.workload AS workload FROM session JOIN run ON run.workload = session.workload
     WHERE session.state <> 'ended' AND session.state IN ('opening', 'active', 'superseded') AND run.state = 'ended'
     ORDER BY session.workload`,
  );
  return rows.map((row) => String(row['workload']));
}

export async function findEndedRuns(sql: Sql, workloads: readonly string[]): Promise<readonly string[]> {
  const rows = await sql.all(
    `SELECT workload FROM unnest($1::text[]) AS asked (workload)
     WHERE NOT EXISTS (SELECT 1 FROM run WHERE run.workload = asked.workload AND run.state <> 'ended')`,
    workloads,
  );
  return rows.map((row) => String(row['workload']));
}

/**
 * In the transaction that begins a session of it, and locked: an end in the same moment finds that session. Who believed it to be active was told
 * of its end too late, or not at all.
 */
export async function requireActiveRun(sql: Sql, workload: string): Promise<void> {
  const row = await sql.get('SELECT state FROM run WHERE workload = $1 FOR SHARE', workload);
  if (row?.['state'] === 'ending') throw new LeaseholdError('workload_terminating');
  if (row?.['state'] !== 'active') throw new LeaseholdError('workload_ended');
}

export async function isRunHeld(sql: Sql, workload: string): Promise<boolean> {
  const held = await sql.get(
    `SELECT 1 FROM session JOIN holder ON holder.session = session.id
     WHERE session.workload = $1 AND session.state IN ('opening', 'active', 'superseded')
       AND holder.attached AND holder.wiped_at IS NULL LIMIT 1`,
    workload,
  );
  return held !== undefined;
}

/** Inserted first and then looked at, so that of two that bring a first key at once one is first. */
export async function bindNode(
  sql: Sql,
  { cluster, node, key, notBefore, at }: Input<'bindNode'>,
): Promise<'bound' | 'same' | 'rebound' | 'refused'> {
  const inserted = await sql.run(
    `INSERT INTO node_key (cluster, node, key, not_before, bound_at) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (cluster, node) DO NOTHING`,
    cluster,
    node,
    key,
    notBefore,
    at,
  );
  if (inserted === 1) return 'bound';
  const bound = await sql.get(
    'SELECT key, not_before FROM node_key WHERE cluster = $1 AND node = $2 FOR UPDATE',
    cluster,
    node,
  );
  const isSame = bound?.['key'] === key;
  if (!(notBefore > Number(bound?.['not_before']))) return isSame ? 'same' : 'refused';
  await sql.run(
    'UPDATE node_key SET key = $1, not_before = $2, bound_at = $3 WHERE cluster = $4 AND node = $5',
    key,
    notBefore,
    at,
    cluster,
    node,
  );
  return isSame ? 'same' : 'rebound';
}

async function requireRun(sql: Sql, workload: string): Promise<Run> {
  return (await findRun(sql, workload)) ?? conflict('the run is not there any more');
}
