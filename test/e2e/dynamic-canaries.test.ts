import { afterAll, beforeAll, expect, it } from 'vitest';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import { describeWith } from '../support/require.ts';
import {
  type CanaryWorld,
  dropped,
  intervalSeconds,
  made,
  patienceMs,
  roles,
  startCanaryWorld,
} from './canary-world.ts';

describeWith(['vault', 'postgres'], 'canaries of two brokers on one ledger', () => {
  let world: CanaryWorld;
  beforeAll(async () => {
    world = await startCanaryWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it(
    'find what cannot be revoked and what cannot be issued, and are over when it is mended',
    { timeout: 2 * patienceMs },
    async () => {
      const [one, two] = [await world.start('one'), await world.start('two')];
      const stuck = await world.comesTo(one, 'stuck', 'revoke_failed');
      expect(stuck.why).toBe('backend_rejected');
      const broken = await world.comesTo(one, 'broken', 'issue_failed');
      expect(broken.why).toBe('backend_rejected');
      const passed = await world.comesTo(one, 'good', 'passed');
      await world.comesTo(one, 'app', 'passed');

      // Both say the same, in words, as a metric and in the log.
      const told = await world.ask(two, 'canary', 'list');
      expect(told.status).toBe(3);
      expect(told.stdout).toMatch(
        /database\/creds\/stuck +stuck +revoke failed .*cannot be revoked: .*\(backend_rejected\)/,
      );
      for (const [name, broker] of Object.entries({ one, two })) {
        await waitFor(
          'the metric',
          async () => (await world.metric(broker, 'stuck', 'revoke_failed')) === '1',
          patienceMs,
        );
        expect(await world.metric(broker, 'stuck', 'passed')).toBe('0');
        await waitFor(
          'the metric',
          async () => (await world.metric(broker, 'good', 'passed')) === '1',
          patienceMs,
        );
        expect(await world.logOf(name)).toContain(
          'a canary found that what is issued at this path cannot be revoked',
        );
      }
      const shown = await world.ask(one, 'session', 'show', stuck.session);
      expect(shown.stdout).toMatch(/lease +database\/creds\/stuck .*outstanding, backend_rejected/);

      // The others go on meanwhile; the one that is stuck gets no company, also when its own time is over.
      await waitFor(
        'the next canary of a path that is well',
        async () => (await world.of(one, 'good'))?.session !== passed.session,
        patienceMs,
      );
      await world.comesTo(one, 'good', 'passed');
      expect(await world.requests('database/creds/stuck')).toBe(1);
      expect(await world.accounts('stuck')).toBe(1);
      // None but that of one that is under way.
      await waitFor('no account to be left', async () => (await world.accounts('good')) === 0, patienceMs);
      expect((await world.of(one, 'stuck'))?.outcome).toBe('revoke_failed');

      await world.writeRole('stuck', roles.good);
      await world.writeRole('broken', roles.good);
      const proved = await world.ask(one, 'canary', 'run', 'database/creds/broken', '--wait', '2m');
      expect([proved.status, proved.stdout]).toEqual([0, expect.stringMatching(/broken +broken +passed /)]);
      await waitFor(
        'the account that was stuck to go',
        async () => (await world.accounts('stuck')) === 0,
        patienceMs,
      );
      for (const role of ['stuck', 'broken']) await world.comesTo(two, role, 'passed');
      await waitFor(
        'the metric',
        async () => (await world.metric(one, 'stuck', 'revoke_failed')) === '0',
        patienceMs,
      );
      expect((await world.ask(one, 'canary', 'list')).status).toBe(0);
      await waitFor('no account to be left', async () => (await world.accounts('broken')) === 0, patienceMs);

      // One of the two sent each: no more than there were intervals, and the one that was asked for.
      const began = await world.database.query(
        `SELECT workload, count(*)::int AS count, min(created_at)::float8 AS first, max(created_at)::float8 AS last,
           count(DISTINCT state) AS states FROM leasehold.session WHERE workload LIKE 'canary/%' GROUP BY workload`,
      );
      expect(began).toHaveLength(4);
      for (const row of began)
        expect(Number(row['count']), String(row['workload'])).toBeLessThanOrEqual(
          (row['workload'] === 'canary/database/creds/broken' ? 2 : 1) +
            (Number(row['last']) - Number(row['first'])) / (intervalSeconds * 1000),
        );
    },
  );

  it(
    'leave nothing alive when their broker is killed between issue and revocation',
    { timeout: 2 * patienceMs },
    async () => {
      const one = await world.start('killed');
      await world.stopOthersThan(one);
      // The database takes its time to drop it: that is where the broker is killed.
      await world.writeRole('good', { creation: made, revocation: `SELECT pg_sleep(20); ${dropped}` });
      await waitFor(
        'a revocation that is under way',
        async () =>
          (
            await world.parts.postgres.query(
              "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)%' AND pid <> pg_backend_pid()",
            )
          ).length > 0,
        patienceMs,
      );
      expect(await world.accounts('good')).toBe(1);
      one.process.signal('SIGKILL');
      await one.process.stop();
      // With no broker at all, and a statement that is too slow for Vault, the database itself lets nobody in past the probation.
      await waitFor(
        'the probation to end',
        async () => (await world.usableAccounts('good')) === 0,
        patienceMs,
      );
      await world.writeRole('good', roles.good);
      const other = await world.start('survivor');
      await waitFor('the account to go', async () => (await world.accounts('good')) === 0, patienceMs);
      await waitFor(
        'everything to be settled',
        async () =>
          (
            await world.database.query(
              `SELECT 1 FROM leasehold.session WHERE workload = 'canary/database/creds/good' AND state <> 'ended'`,
            )
          ).length === 0,
        patienceMs,
      );
      await world.comesTo(other, 'good', 'passed');
    },
  );

  it(
    'say nothing of a path while the backend is away, and go on when it is back',
    { timeout: 2 * patienceMs },
    async () => {
      const broker = await world.start('sealed');
      const before = await world.comesTo(broker, 'good', 'passed');
      await world.parts.vault.seal();
      const waits = async () =>
        (await world.logOf('sealed'))
          .split('\n')
          .filter((line) => line.includes('a canary waits') && line.includes('backend_sealed')).length;
      await waitFor('a canary to wait', async () => (await waits()) > 0, patienceMs);
      // One that was under way when the backend went has to be over before another is sent there.
      const idle = await world.idlePath();
      const refused = await world.ask(broker, 'canary', 'run', idle);
      expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining('(backend_sealed)')]);
      const sent = await world.canaries();
      const waited = await waits();
      await waitFor('all paths to wait again', async () => (await waits()) > waited + 4, patienceMs);
      expect(await world.canaries()).toBe(sent);
      for (const role of ['good', 'app', 'stuck'])
        expect((await world.of(broker, role))?.outcome, role).toBe('passed');
      await world.parts.vault.unseal();
      await waitFor(
        'a canary after the backend came back',
        async () =>
          (await world.canaries()) > sent && (await world.of(broker, 'good'))?.session !== before.session,
        patienceMs,
      );
      await world.comesTo(broker, 'good', 'passed');
    },
  );
});
