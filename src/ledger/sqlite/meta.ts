import type { MetaLedger } from '../meta.ts';
import type { Sql } from './statements.ts';

export function readMeta(sql: Sql, key: string): string | undefined {
  const row = sql.get('SELECT value FROM meta WHERE key = ?', key);
  return row === undefined ? undefined : String(row['value']);
}

export function listMeta(sql: Sql, prefix: string): Awaited<ReturnType<MetaLedger['listMeta']>> {
  return sql
    .all('SELECT key, value FROM meta WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key', prefix)
    .map((row) => ({ key: String(row['key']), value: String(row['value']) }));
}

export function writeMeta(sql: Sql, key: string, value: string): void {
  sql.run('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)', key, value);
}

/** In the one transaction that the store ever has open. */
export function replaceMeta(sql: Sql, { key, from, to }: Parameters<MetaLedger['replaceMeta']>[0]): boolean {
  if (readMeta(sql, key) !== from) return false;
  if (to !== undefined) writeMeta(sql, key, to);
  else sql.run('DELETE FROM meta WHERE key = ?', key);
  return true;
}
