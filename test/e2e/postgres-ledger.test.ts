import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestPostgres } from '../support/parts/postgres.ts';
import { textAt, valueAt } from '../support/json.ts';
import { describeWith } from '../support/require.ts';
import { createPods } from './pods.ts';
import { startSharedLedger } from './shared-ledger.ts';
import type { Site } from './site.ts';
import { startSite } from './site.ts';

describeWith(['vault', 'postgres', 'kubernetes'], 'a site whose ledger is in PostgreSQL', () => {
  let database: TestPostgres;
  let site: Site;
  beforeAll(async () => {
    const shared = await startSharedLedger();
    database = shared.database;
    site = await startSite({
      ...shared.tuning,
    });
  });
  afterAll(async () => {
    await site[Symbol.asyncDispose]();
    await database.stop();
  });

  const { run, hold, seen, loginOf, canLogin, isGone, sessionOf, whenBack } = createPods(() => site);
  /** Credentials made at the backend so far; reading a static secret takes a short token of its own. */
  const issued = async () =>
    (await site.vaultRequests()).filter((path) => path.startsWith('database/creds')).length;

  it('re-adopts a session after the broker was killed, and issues nothing', async () => {
    const pod = await run('kept');
    await using holder = await hold(pod);
    const login = await loginOf(holder);
    const before = await sessionOf('shop/kept');
    const made = await issued();
    expect(made).toBeGreaterThan(0);
    await site.killAndRestartBroker();
    const after = await whenBack('shop/kept', holder);
    expect(textAt(after, 'id')).toBe(textAt(before, 'id'));
    expect(valueAt(after, 'generation')).toBe(valueAt(before, 'generation'));
    expect(await issued()).toBe(made);
    expect(await holder.readLogin()).toEqual(login);
    expect(await canLogin(login)).toBe(true);
    await site.one.deletePod(pod);
    await seen(holder, 'the role to go', () => isGone(login));
    await seen(holder, 'the files to go', async () => (await holder.list()).length === 0);
  });

  it('goes on by itself after the database was away', async () => {
    await using holder = await hold(await run('patient'));
    const login = await loginOf(holder);
    // Every connection of the broker is cut at once.
    await database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'leasehold'`,
    );
    const revoke = await site.command(
      ...['revoke', '--pod', 'shop/patient', '--reason', 'drill', '--yes', '--wait', '30s'],
    );
    expect(revoke.status, revoke.stderr).toBe(0);
    expect(await isGone(login)).toBe(true);
  });

  it('keeps no secret in the database', async () => {
    await using holder = await hold(await run('searched'));
    const login = await loginOf(holder);
    const tables = await database.query(
      `SELECT table_name FROM information_schema.tables WHERE table_schema = 'leasehold'`,
    );
    expect(tables.length).toBeGreaterThan(8);
    for (const { table_name: table } of tables) {
      const rows = await database.query(
        `SELECT row_to_json(t)::text AS text FROM leasehold."${String(table)}" t`,
      );
      for (const { text } of rows) expect(String(text)).not.toContain(login.password);
    }
  });
});
