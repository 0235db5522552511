import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { migrations } from '../../../../src/ledger/sqlite/schema.ts';
import { openSqliteLedger } from '../../../../src/ledger/sqlite/sqlite-ledger.ts';
import { silentLog } from '../../../../src/platform/log.ts';
import { wholeLife } from '../../../contract/ledger/ledger-world.ts';
import { createTempFolder } from '../../../support/temp-folder.ts';

/** Every row, or all that have one state: as many as there are workloads. Brokers are few. */
const many =
  /^SCAN (?!CONSTANT|held\b|json_each|replica\b)|INDEX (?:credential_settlement|session_state|session_not_ended)/;

/** With 10,000 sessions, one such statement in the life of each held the broker up for half a minute at a mass revocation. */
it('no step of the life of a session looks through those of others', async () => {
  await using folder = await createTempFolder({ name: 'plans' });
  const prepared = vi.spyOn(DatabaseSync.prototype, 'prepare');
  const seen = new Set<string>();
  try {
    await using ledger = await openSqliteLedger({
      file: join(folder.path, 'ledger.sqlite'),
      log: silentLog,
    });
    prepared.mockClear();
    await wholeLife(ledger);
    for (const [sql] of prepared.mock.calls) seen.add(sql);
  } finally {
    prepared.mockRestore();
  }
  expect(seen.size).toBeGreaterThan(30);
  using database = new DatabaseSync(':memory:');
  for (const migration of migrations) database.exec(migration);
  const plans = [...seen].map((sql) => {
    const values = Array.from({ length: sql.match(/\?(?:\d+)?/g)?.length ?? 0 }, () => 1);
    const numbered = new Set(sql.match(/\?\d+/g)).size;
    const steps = database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all(...values.slice(0, numbered || undefined));
    return { sql, steps: steps.map(({ detail }) => String(detail)) };
  });
  expect(plans.filter(({ steps }) => steps.some((step) => many.test(step)))).toEqual([]);
});
