import type { MetaLedger } from '../meta.ts';
import type { Sql } from './statements.ts';

export async function readMeta(sql: Sql, key: string): Promise<string | undefined> {
  const row = await sql.get('SELECT value FROM meta WHERE key = $1', key);
  return row === undefined ? undefined : String(row['value']);
}

export async function listMeta(sql: Sql, prefix: string): ReturnType<MetaLedger['listMeta']> {
  const rows = await sql.all(
    'SELECT key, value FROM meta WHERE starts_with(key, $1) ORDER BY key COLLATE "C"',
    prefix,
  );
  return rows.map((row) => ({ key: String(row['key']), value: String(row['value']) }));
}

export async function writeMeta(sql: Sql, key: string, value: string): Promise<void> {
  await sql.run(
    'INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    key,
    value,
  );
}

/** Each a single statement: it waits for another one about the same row and then looks at what that has left. */
export async function replaceMeta(
  sql: Sql,
  { key, from, to }: Parameters<MetaLedger['replaceMeta']>[0],
): Promise<boolean> {
  if (from === undefined) {
    if (to === undefined) return (await readMeta(sql, key)) === undefined;
    const added = 'INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING';
    return (await sql.run(added, key, to)) === 1;
  }
  if (to === undefined)
    return (await sql.run('DELETE FROM meta WHERE key = $1 AND value = $2', key, from)) === 1;
  return (await sql.run('UPDATE meta SET value = $3 WHERE key = $1 AND value = $2', key, from, to)) === 1;
}
