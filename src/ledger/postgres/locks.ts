import type { Lock, Tombstone } from '../ledger.ts';
import { toLock, toTombstone } from '../stored/assemble.ts';
import { tell } from './notify.ts';
import type { Sql } from './statements.ts';

export async function findTombstone(
  sql: Sql,
  workload: string,
  bundle: string,
): Promise<Tombstone | undefined> {
  const row = await sql.get('SELECT * FROM tombstone WHERE workload = $1 AND bundle = $2', workload, bundle);
  return row === undefined ? undefined : toTombstone(row);
}

export async function listTombstones(sql: Sql): Promise<readonly Tombstone[]> {
  const rows = await sql.all('SELECT * FROM tombstone ORDER BY created_at DESC, workload, bundle');
  return rows.map(toTombstone);
}

export async function addTombstone(sql: Sql, tombstone: Tombstone): Promise<boolean> {
  const { workload, bundle, reason, by, createdAt } = tombstone;
  const changed = await sql.run(
    `INSERT INTO tombstone (workload, bundle, reason, by, created_at) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (workload, bundle) DO UPDATE
     SET reason = excluded.reason, by = excluded.by, created_at = excluded.created_at
     WHERE excluded.created_at > tombstone.created_at`,
    workload,
    bundle,
    reason,
    by,
    createdAt,
  );
  return changed > 0;
}

export async function liftTombstone(sql: Sql, workload: string, bundle: string): Promise<boolean> {
  return (await sql.run('DELETE FROM tombstone WHERE workload = $1 AND bundle = $2', workload, bundle)) > 0;
}

export async function removeTombstonesOf(sql: Sql, workload: string): Promise<void> {
  await sql.run('DELETE FROM tombstone WHERE workload = $1', workload);
}

export async function addLock(sql: Sql, lock: Lock): Promise<void> {
  await sql.run(
    'INSERT INTO lock (id, selector, reason, by, created_at) VALUES ($1, $2, $3, $4, $5)',
    lock.id,
    JSON.stringify(lock.selector),
    lock.reason,
    lock.by,
    lock.createdAt,
  );
  await tell(sql, { kind: 'lock', id: lock.id });
}

export async function removeLock(sql: Sql, id: string): Promise<Lock | undefined> {
  const [row] = await sql.change('DELETE FROM lock WHERE id = $1 RETURNING *', id);
  if (row === undefined) return undefined;
  await tell(sql, { kind: 'lock', id });
  return toLock(row);
}

export async function listLocks(sql: Sql): Promise<readonly Lock[]> {
  return (await sql.all('SELECT * FROM lock ORDER BY created_at DESC, id')).map(toLock);
}
