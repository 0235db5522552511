import type { Lock, Tombstone } from '../ledger.ts';
import { toLock, toTombstone } from '../stored/assemble.ts';
import type { Sql } from './statements.ts';

export function findTombstone(sql: Sql, workload: string, bundle: string): Tombstone | undefined {
  const row = sql.get('SELECT * FROM tombstone WHERE workload = ? AND bundle = ?', workload, bundle);
  return row === undefined ? undefined : toTombstone(row);
}

export function listTombstones(sql: Sql): readonly Tombstone[] {
  return sql.all('SELECT * FROM tombstone ORDER BY created_at DESC, workload, bundle').map(toTombstone);
}

export function addTombstone(sql: Sql, tombstone: Tombstone): boolean {
  const { workload, bundle, reason, by, createdAt } = tombstone;
  return (
    sql.run(
      `INSERT INTO tombstone (workload, bundle, reason, by, created_at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (workload, bundle) DO UPDATE
       SET reason = excluded.reason, by = excluded.by, created_at = excluded.created_at
       WHERE excluded.created_at > tombstone.created_at`,
      workload,
      bundle,
      reason,
      by,
      createdAt,
    ) > 0
  );
}

export function liftTombstone(sql: Sql, workload: string, bundle: string): boolean {
  return sql.run('DELETE FROM tombstone WHERE workload = ? AND bundle = ?', workload, bundle) > 0;
}

export function removeTombstonesOf(sql: Sql, workload: string): void {
  sql.run('DELETE FROM tombstone WHERE workload = ?', workload);
}

export function addLock(sql: Sql, lock: Lock): void {
  sql.run(
    'INSERT INTO lock (id, selector, reason, by, created_at) VALUES (?, ?, ?, ?, ?)',
    lock.id,
    JSON.stringify(lock.selector),
    lock.reason,
    lock.by,
    lock.createdAt,
  );
  sql.tell({ kind: 'lock', id: lock.id });
}

export function removeLock(sql: Sql, id: string): Lock | undefined {
  const row = sql.get('DELETE FROM lock WHERE id = ? RETURNING *', id);
  if (row === undefined) return undefined;
  sql.tell({ kind: 'lock', id });
  return toLock(row);
}

export function listLocks(sql: Sql): readonly Lock[] {
  return sql.all('SELECT * FROM lock ORDER BY created_at DESC, id').map(toLock);
}
