import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CanaryOutcome } from '../../src/lease/canary/canary.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { createAdminClient } from '../../src/rpc/client/admin-client.ts';
import type { Canary__Output as Canary } from '../../src/rpc/gen/leasehold/v1/Canary.ts';
import { valueAt } from '../support/json.ts';
import { type CommandResult, runLeasehold } from '../support/leasehold-process.ts';
import type { TestPostgres } from '../support/parts/postgres.ts';
import { startVaultWithPostgres, type VaultWithPostgres } from '../support/parts/vault-with-postgres.ts';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import { describeWith } from '../support/require.ts';
import { createTempFolder, type TempFolder } from '../support/temp-folder.ts';
import { freeAddress, type OtherBroker, startOtherBroker } from './other-broker.ts';
import { startSharedLedger } from './shared-ledger.ts';
import { type SiteFiles, writeSiteFiles } from './site-files.ts';

/** Longer than a canary's interval, the settlement of what a dead broker left, and a machine that is busy. */
const patienceMs = 240_000;
/** Short enough that a lease that nobody revokes is over within the test. */
const probationSeconds = 10;
const requestLimitSeconds = 10;
const intervalSeconds = 10;

const dropped = 'DROP ROLE IF EXISTS "{{name}}";';
const made = `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`;

interface Role {
  readonly creation: string;
  readonly revocation: string;
}

/** Each a role of the database engine, and what is wrong with it. */
const roles = {
  good: { creation: made, revocation: dropped },
  stuck: { creation: made, revocation: `DELETE FROM no_such_table WHERE owner = '{{name}}'; ${dropped}` },
  broken: { creation: `${made} INSERT INTO no_such_table VALUES ('{{name}}');`, revocation: dropped },
} as const satisfies Readonly<Record<string, Role>>;

const bundleOf = (role: string) => ({
  tokenRole: `leasehold-${role}`,
  ttl: '10m',
  maxTtl: '1h',
  outage: { mode: 'keep' },
  secrets: { db: { leased: `database/creds/${role}` } },
  files: { username: { secret: 'db', field: 'username' } },
});

describeWith(['vault', 'postgres'], 'canaries of two brokers on one ledger', () => {
  let parts: VaultWithPostgres;
  let database: TestPostgres;
  let folder: TempFolder;
  let files: SiteFiles;
  let requestLog: string;
  const brokers: OtherBroker[] = [];

  const writeRole = (name: string, { creation, revocation }: Role) =>
    parts.vault.call('POST', `database/roles/${name}`, {
      db_name: 'postgres',
      creation_statements: creation,
      revocation_statements: revocation,
      default_ttl: `${probationSeconds}s`,
      max_ttl: '1h',
    });

  beforeAll(async () => {
    folder = await createTempFolder({ name: 'dynamic-canaries' });
    parts = await startVaultWithPostgres({ defaultTtl: `${probationSeconds}s` });
    const shared = await startSharedLedger();
    database = shared.database;
    for (const [name, role] of Object.entries(roles)) await writeRole(name, role);
    const log = await createTempFolder({ name: 'vault-audit' });
    requestLog = join(log.path, 'requests.log');
    await parts.vault.call('PUT', 'sys/audit/file', { type: 'file', options: { file_path: requestLog } });
    // No workload is served here, so its cluster need not be there.
    const kubeconfigFile = join(folder.path, 'nobody.kubeconfig');
    await writeFile(kubeconfigFile, nobodysKubeconfig(await freeAddress()), { mode: 0o600 });
    files = await writeSiteFiles({
      folder: folder.path,
      vault: parts.vault,
      vaultAddress: parts.vault.address,
      clusters: [{ issuer: 'https://one.example', kubeconfigFile }],
      tuning: {
        ...shared.tuning,
        bundles: Object.fromEntries(Object.keys(roles).map((role) => [role, bundleOf(role)])),
        canary: { intervalSeconds },
        vault: { probationSeconds, requestLimitSeconds },
      },
    });
  });
  afterAll(async () => {
    for (const broker of brokers) await broker[Symbol.asyncDispose]();
    await parts.stop();
    await database.stop();
    await folder.remove();
  });

  const start = async (name: string): Promise<OtherBroker> => {
    const broker = await startOtherBroker(files, {
      folder: folder.path,
      name,
      workloads: await freeAddress(),
      until: '/healthz',
    });
    brokers.push(broker);
    return broker;
  };
  const ask = ({ admin }: OtherBroker, ...args: readonly string[]): Promise<CommandResult> => {
    const [, , ...others] = files.connection;
    return runLeasehold([...args, '--broker', admin, ...others]);
  };
  const of = async ({ admin }: OtherBroker, role: string): Promise<Canary | undefined> => {
    const [, , ...others] = files.connection;
    const file = (flag: string) => others[others.indexOf(flag) + 1] ?? '';
    const read = (flag: string) => readFile(file(flag));
    await using client = createAdminClient({
      endpoint: {
        address: admin,
        ca: await read('--ca'),
        clientCertificate: { certificate: await read('--cert'), key: await read('--key') },
      },
      clock: systemClock,
      random: Math.random,
    });
    const { canaries } = await client.listCanaries(AbortSignal.timeout(patienceMs));
    return canaries.find(({ path }) => path === `database/creds/${role}`);
  };
  const comesTo = async (broker: OtherBroker, role: string, outcome: CanaryOutcome): Promise<Canary> => {
    let found: Canary | undefined;
    await waitFor(
      `the canary of ${role} to be ${outcome}`,
      async () => {
        found = await of(broker, role);
        return found?.outcome === outcome;
      },
      patienceMs,
    );
    if (found === undefined) throw new Error('unreachable');
    return found;
  };
  const metric = async (
    { http }: OtherBroker,
    role: string,
    outcome: CanaryOutcome,
  ): Promise<string | undefined> => {
    const text = await (await fetch(`${http}/metrics`)).text();
    const line = `leasehold_canary_outcome{path="database/creds/${role}",outcome="${outcome}"} `;
    return text
      .split('\n')
      .find((one) => one.startsWith(line))
      ?.slice(line.length);
  };
  /** Accounts at the database, over or not: one that cannot be dropped stays when its time is over. */
  const accounts = async (role: string): Promise<number> => {
    const rows = await parts.postgres.query(
      'SELECT count(*)::int AS count FROM pg_roles WHERE rolname LIKE $1',
      [`v-%-${role}-%`],
    );
    return Number(rows[0]?.['count']);
  };
  const usableAccounts = async (role: string): Promise<number> => {
    const rows = await parts.postgres.query(
      `SELECT count(*)::int AS count FROM pg_roles
       WHERE rolname LIKE $1 AND coalesce(rolvaliduntil, 'infinity') > now()`,
      [`v-%-${role}-%`],
    );
    return Number(rows[0]?.['count']);
  };
  /** Sent so far by all brokers to all paths. */
  const canaries = async (): Promise<number> => {
    const rows = await database.query(
      `SELECT count(*)::int AS count FROM leasehold.session WHERE workload LIKE 'canary/%'`,
    );
    return Number(rows[0]?.['count']);
  };
  const requests = async (path: string): Promise<number> =>
    (await readFile(requestLog, 'utf8'))
      .split('\n')
      .slice(0, -1)
      .map((line): unknown => JSON.parse(line))
      .filter((one) => valueAt(one, 'type') === 'request' && valueAt(one, 'request', 'path') === path).length;

  it(
    'find what cannot be revoked and what cannot be issued, and are over when it is mended',
    { timeout: 2 * patienceMs },
    async () => {
      const [one, two] = [await start('one'), await start('two')];
      const stuck = await comesTo(one, 'stuck', 'revoke_failed');
      expect(stuck.why).toBe('backend_rejected');
      const broken = await comesTo(one, 'broken', 'issue_failed');
      expect(broken.why).toBe('backend_rejected');
      const passed = await comesTo(one, 'good', 'passed');
      await comesTo(one, 'app', 'passed');

      // Both say the same, in words, as a metric and in the log.
      const told = await ask(two, 'canary', 'list');
      expect(told.status).toBe(3);
      expect(told.stdout).toMatch(
        /database\/creds\/stuck +stuck +revoke failed .*cannot be revoked: .*\(backend_rejected\)/,
      );
      for (const [name, broker] of Object.entries({ one, two })) {
        await waitFor(
          'the metric',
          async () => (await metric(broker, 'stuck', 'revoke_failed')) === '1',
          patienceMs,
        );
        expect(await metric(broker, 'stuck', 'passed')).toBe('0');
        await waitFor('the metric', async () => (await metric(broker, 'good', 'passed')) === '1', patienceMs);
        expect(await readFile(join(folder.path, `${name}.log`), 'utf8')).toContain(
          'a canary found that what is issued at this path cannot be revoked',
        );
      }
      const shown = await ask(one, 'session', 'show', stuck.session);
      expect(shown.stdout).toMatch(/lease +database\/creds\/stuck .*outstanding, backend_rejected/);

      // The others go on meanwhile; the one that is stuck gets no company, also when its own time is over.
      await waitFor(
        'the next canary of a path that is well',
        async () => (await of(one, 'good'))?.session !== passed.session,
        patienceMs,
      );
      await comesTo(one, 'good', 'passed');
      expect(await requests('database/creds/stuck')).toBe(1);
      expect(await accounts('stuck')).toBe(1);
      expect(await accounts('good')).toBe(0);
      expect((await of(one, 'stuck'))?.outcome).toBe('revoke_failed');

      await writeRole('stuck', roles.good);
      await writeRole('broken', roles.good);
      const proved = await ask(one, 'canary', 'run', 'database/creds/broken', '--wait', '2m');
      expect([proved.status, proved.stdout]).toEqual([0, expect.stringMatching(/broken +broken +passed /)]);
      await waitFor(
        'the account that was stuck to go',
        async () => (await accounts('stuck')) === 0,
        patienceMs,
      );
      for (const role of ['stuck', 'broken']) await comesTo(two, role, 'passed');
      await waitFor(
        'the metric',
        async () => (await metric(one, 'stuck', 'revoke_failed')) === '0',
        patienceMs,
      );
      expect((await ask(one, 'canary', 'list')).status).toBe(0);
      expect(await accounts('broken')).toBe(0);

      // One of the two sent each: no more than there were intervals, and the one that was asked for.
      const began = await database.query(
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
      const one = await start('killed');
      for (const broker of brokers.splice(0, brokers.length, one))
        if (broker !== one) await broker[Symbol.asyncDispose]();
      // The database takes its time to drop it: that is where the broker is killed.
      await writeRole('good', { creation: made, revocation: `SELECT pg_sleep(20); ${dropped}` });
      await waitFor(
        'a revocation that is under way',
        async () =>
          (
            await parts.postgres.query(
              "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)%' AND pid <> pg_backend_pid()",
            )
          ).length > 0,
        patienceMs,
      );
      expect(await accounts('good')).toBe(1);
      one.process.signal('SIGKILL');
      await one.process.stop();
      // With no broker at all, and a statement that is too slow for Vault, the database itself lets nobody in past the probation.
      await waitFor('the probation to end', async () => (await usableAccounts('good')) === 0, patienceMs);
      await writeRole('good', roles.good);
      const other = await start('survivor');
      await waitFor('the account to go', async () => (await accounts('good')) === 0, patienceMs);
      await waitFor(
        'everything to be settled',
        async () =>
          (
            await database.query(
              `SELECT 1 FROM leasehold.session WHERE workload = 'canary/database/creds/good' AND state <> 'ended'`,
            )
          ).length === 0,
        patienceMs,
      );
      await comesTo(other, 'good', 'passed');
    },
  );

  it(
    'say nothing of a path while the backend is away, and go on when it is back',
    { timeout: 2 * patienceMs },
    async () => {
      const broker = await start('sealed');
      const before = await comesTo(broker, 'good', 'passed');
      await parts.vault.seal();
      const waits = async () =>
        (await readFile(join(folder.path, 'sealed.log'), 'utf8'))
          .split('\n')
          .filter((line) => line.includes('a canary waits') && line.includes('backend_sealed')).length;
      await waitFor('a canary to wait', async () => (await waits()) > 0, patienceMs);
      const refused = await ask(broker, 'canary', 'run', 'database/creds/good');
      expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining('(backend_sealed)')]);
      const sent = await canaries();
      const waited = await waits();
      await waitFor('all paths to wait again', async () => (await waits()) > waited + 4, patienceMs);
      expect(await canaries()).toBe(sent);
      for (const role of ['good', 'app', 'stuck'])
        expect((await of(broker, role))?.outcome, role).toBe('passed');
      await parts.vault.unseal();
      await waitFor(
        'a canary after the backend came back',
        async () => (await canaries()) > sent && (await of(broker, 'good'))?.session !== before.session,
        patienceMs,
      );
      await comesTo(broker, 'good', 'passed');
    },
  );
});

function nobodysKubeconfig(address: string): string {
  return `apiVersion: v1
kind: Config
clusters: [{ name: nobody, cluster: { server: "https://${address}" } }]
users: [{ name: nobody, user: { token: none } }]
contexts: [{ name: nobody, context: { cluster: nobody, user: nobody } }]
current-context: nobody
`;
}
