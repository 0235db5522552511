import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openSqliteLedger } from '../../../src/ledger/sqlite/sqlite-ledger.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { describeWith } from '../../support/require.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { startPostgresWorld } from './postgres-world.ts';

/** Implementation's own: SQLite keeps its version and sequences elsewhere. */
const own = (name: string) => name !== 'schema_version' && !name.startsWith('sqlite_');

describeWith(['postgres'], 'both stores of the ledger', () => {
  it('have the same tables, columns, and columns that may be empty', async () => {
    await using folder = await createTempFolder({ name: 'same-tables' });
    const file = join(folder.path, 'ledger.sqlite');
    await (await openSqliteLedger({ file, log: silentLog }))[Symbol.asyncDispose]();
    const database = new DatabaseSync(file, { readOnly: true });
    const inSqlite = database
      .prepare(
        `SELECT m.name AS tab, c.name AS col, c."notnull" = 0 AND c.pk = 0 AS may FROM sqlite_schema m, pragma_table_info(m.name) c
         WHERE m.type = 'table'`,
      )
      .all()
      .filter(({ tab }) => own(String(tab)))
      .map(({ tab, col, may }) => `${String(tab)}.${String(col)}${may === 1 ? '?' : ''}`);
    database.close();
    await using world = await startPostgresWorld();
    const config = world.config();
    await (await world.open(config))[Symbol.asyncDispose]();
    const rows = await world.server.query(
      'SELECT table_name, column_name, is_nullable FROM information_schema.columns WHERE table_schema = $1',
      [config.schema],
    );
    const inPostgres = rows
      .filter(({ table_name: table }) => own(String(table)))
      .map(
        (row) =>
          `${String(row['table_name'])}.${String(row['column_name'])}${row['is_nullable'] === 'YES' ? '?' : ''}`,
      );
    expect(inPostgres.length).toBeGreaterThan(50);
    expect(inPostgres.sort()).toEqual(inSqlite.sort());
  });
});
