import { chown, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import type { LedgerChange } from '../../../src/ledger/replicas.ts';
import { aStaticSession, start } from '../../contract/ledger/ledger-world.ts';
import { startCommitCutter } from '../../support/commit-cutter.ts';
import { postgresUser } from '../../support/parts/postgres-programs.ts';
import { waitFor } from '../../support/parts/wait-until-ready.ts';
import { describeWith } from '../../support/require.ts';
import { type PostgresWorld, startPostgresWorld, timelessClock } from './postgres-world.ts';

describeWith(['postgres'], 'a PostgreSQL ledger beside others', () => {
  let world: PostgresWorld;
  beforeAll(async () => {
    world = await startPostgresWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const lock = (ledger: Ledger, id: string) =>
    ledger.addLock({ id, selector: { all: true }, reason: 'x', by: 'x', createdAt: start });

  it('hears what another broker changes, in its own schema alone', async () => {
    const config = world.config();
    await using one = await world.open(config);
    await using two = await world.open(config);
    await using stranger = await world.open(world.config());
    const heard: LedgerChange[] = [];
    await using feed = new AsyncDisposableStack();
    feed.use(await one.subscribe((change) => heard.push(change)));
    await lock(stranger, 'loc_stranger');
    await lock(two, 'loc_1');
    await waitFor('the change', async () => heard.length > 0);
    expect(heard).toEqual([{ kind: 'lock', id: 'loc_1' }]);
  });

  it('is told that something was missed, and goes on, when its connection was cut', async () => {
    const config = world.config();
    await using one = await world.open(config);
    await using two = await world.open(config);
    const heard: LedgerChange[] = [];
    await using feed = new AsyncDisposableStack();
    feed.use(await one.subscribe((change) => heard.push(change)));
    const cut = await world.server.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query = 'SELECT 1'`,
    );
    expect(cut.length).toBeGreaterThan(0);
    await lock(two, 'loc_lost');
    await waitFor('the word of it', async () => heard.some(({ kind }) => kind === 'missed'));
    await lock(two, 'loc_after');
    await waitFor('the change after it', async () =>
      heard.some((change) => change.kind === 'lock' && change.id === 'loc_after'),
    );
  });

  it('waits for a broker that migrates longer than any other statement may take', async () => {
    const config = world.config();
    const migrating = new Client({ ...world.server.connection });
    await migrating.connect();
    try {
      await migrating.query('BEGIN');
      await migrating.query(`SELECT pg_advisory_xact_lock(hashtext('leasehold'), hashtext($1))`, [
        config.schema,
      ]);
      const pool = { ...config.pool, statementTimeoutMs: 3_000, lockTimeoutMs: 3_000 };
      const opening = world.open({ ...config, pool });
      await waitFor('the other one to wait', async () => {
        const waiting = await world.server.query(
          `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`,
        );
        return waiting.length > 0;
      });
      await migrating.query('SELECT pg_sleep(6)');
      await migrating.query('ROLLBACK');
      await using ledger = await opening;
      expect((await ledger.beginSession(aStaticSession())).outcome).toBe('created');
    } finally {
      await migrating.end();
    }
  });

  /** Restarts the server as a replica of nothing; `pg_promote` makes a primary of it again, on a timeline of its own. */
  const restartAsReplica = async (): Promise<AsyncDisposable> => {
    const [found] = await world.server.query('SHOW data_directory');
    const signal = join(String(found?.['data_directory']), 'standby.signal');
    await world.server.restart(async () => {
      await writeFile(signal, '');
      const user = postgresUser();
      if (user !== undefined) await chown(signal, user.uid, user.gid);
    });
    return { [Symbol.asyncDispose]: () => rm(signal, { force: true }) };
  };

  it('refuses a server that has become a replica, and uses it again once it is promoted', async () => {
    const config = world.config();
    await using ledger = await world.open(config);
    await using replica = new AsyncDisposableStack();
    replica.use(await restartAsReplica());
    for (const call of [() => ledger.count(), () => ledger.beginSession(aStaticSession())])
      await expect(call()).rejects.toMatchObject({
        code: 'ledger_unavailable',
        detail: expect.stringContaining('is a replica') as string,
      });
    await expect(world.open(config)).rejects.toMatchObject({ code: 'ledger_unavailable' });
    await world.server.query('SELECT pg_promote()');
    expect((await ledger.beginSession(aStaticSession())).outcome).toBe('created');
  });

  it('does not ask a server that was promoted meanwhile what became of a commit at the one before', async () => {
    await using cutter = await startCommitCutter(world.server.connection);
    // It asks for as long as the server takes to come back.
    const config = { ...world.config(), port: cutter.port };
    await using ledger = await world.open(config, { clock: timelessClock });
    await using replica = new AsyncDisposableStack();
    await ledger.writeMeta('a', 'b');
    cutter.cutNext('unanswered');
    cutter.refuse(true);
    const failing = expect(ledger.writeMeta('a', 'c')).rejects.toMatchObject({
      code: 'ledger_unavailable',
      detail: expect.stringContaining('could not be found out') as string,
      cause: { detail: expect.stringContaining('another server has taken over') as string },
    });
    await waitFor('the cut', async () => cutter.cuts() === 1);
    replica.use(await restartAsReplica());
    await world.server.query('SELECT pg_promote()');
    cutter.refuse(false);
    await failing;
  });
});
