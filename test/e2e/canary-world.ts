import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CanaryOutcome } from '../../src/lease/canary/canary.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { createAdminClient } from '../../src/rpc/client/admin-client.ts';
import type { Canary__Output as Canary } from '../../src/rpc/gen/leasehold/v1/Canary.ts';
import { valueAt } from '../support/json.ts';
import { type CommandResult, runLeasehold } from '../support/leasehold-process.ts';
import type { TestPostgres } from '../support/parts/postgres.ts';
import { startVaultWithPostgres, type VaultWithPostgres } from '../support/parts/vault-with-postgres.ts';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import { createTempFolder } from '../support/temp-folder.ts';
import { freeAddress, type OtherBroker, startOtherBroker } from './other-broker.ts';
import { startSharedLedger } from './shared-ledger.ts';
import { writeSiteFiles } from './site-files.ts';

/** Longer than a canary's interval, the settlement of what a dead broker left, and a machine that is busy. */
export const patienceMs = 240_000;
/** Short enough that a lease that nobody revokes is over within the test. */
const probationSeconds = 10;
const requestLimitSeconds = 10;
export const intervalSeconds = 10;

export const dropped = 'DROP ROLE IF EXISTS "{{name}}";';
export const made = `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`;

export interface Role {
  readonly creation: string;
  readonly revocation: string;
}

/** Each a role of the database engine, and what is wrong with it. */
export const roles = {
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

/** Brokers with canaries on one ledger in PostgreSQL, and a Vault whose database is another. Roles are named as in `roles`. */
export interface CanaryWorld extends AsyncDisposable {
  readonly parts: VaultWithPostgres;
  /** Of the ledger. */
  readonly database: TestPostgres;
  start(name: string): Promise<OtherBroker>;
  stopOthersThan(broker: OtherBroker): Promise<void>;
  /** All that the broker of that name has written. */
  logOf(name: string): Promise<string>;
  /** A command of an administrator to that broker. */
  ask(broker: OtherBroker, ...args: readonly string[]): Promise<CommandResult>;
  /** How the path of a role stands. */
  of(broker: OtherBroker, role: string): Promise<Canary | undefined>;
  comesTo(broker: OtherBroker, role: string, outcome: CanaryOutcome): Promise<Canary>;
  metric(broker: OtherBroker, role: string, outcome: CanaryOutcome): Promise<string | undefined>;
  writeRole(name: string, role: Role): Promise<unknown>;
  /** Accounts at the database, over or not: one that cannot be dropped stays when its time is over. */
  accounts(role: string): Promise<number>;
  usableAccounts(role: string): Promise<number>;
  /** Sent so far by all brokers to all paths. */
  canaries(): Promise<number>;
  /** One of the paths at which none is under way, waited for. */
  idlePath(): Promise<string>;
  /** That Vault was asked for, of that path. */
  requests(path: string): Promise<number>;
}

export async function startCanaryWorld(): Promise<CanaryWorld> {
  await using starting = new AsyncDisposableStack();
  const folder = starting.use(await createTempFolder({ name: 'dynamic-canaries' }));
  const parts = starting.use(await startVaultWithPostgres({ defaultTtl: `${probationSeconds}s` }));
  const shared = await startSharedLedger();
  const { database } = shared;
  starting.defer(() => database.stop());
  const log = starting.use(await createTempFolder({ name: 'vault-audit' }));
  const requestLog = join(log.path, 'requests.log');
  await parts.vault.call('PUT', 'sys/audit/file', { type: 'file', options: { file_path: requestLog } });
  const writeRole = (name: string, { creation, revocation }: Role) =>
    parts.vault.call('POST', `database/roles/${name}`, {
      db_name: 'postgres',
      creation_statements: creation,
      revocation_statements: revocation,
      default_ttl: `${probationSeconds}s`,
      max_ttl: '1h',
    });

  for (const [name, role] of Object.entries(roles)) await writeRole(name, role);
  // No workload is served here, so its cluster need not be there.
  const kubeconfigFile = join(folder.path, 'nobody.kubeconfig');
  await writeFile(kubeconfigFile, nobodysKubeconfig(await freeAddress()), { mode: 0o600 });
  const files = await writeSiteFiles({
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
  const brokers = new Set<OtherBroker>();
  starting.defer(async () => {
    for (const broker of brokers) await broker[Symbol.asyncDispose]();
  });

  const start = async (name: string): Promise<OtherBroker> => {
    const broker = await startOtherBroker(files, {
      folder: folder.path,
      name,
      workloads: await freeAddress(),
      until: '/healthz',
    });
    brokers.add(broker);
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
  const canaries = async (): Promise<number> => {
    const rows = await database.query(
      `SELECT count(*)::int AS count FROM leasehold.session WHERE workload LIKE 'canary/%'`,
    );
    return Number(rows[0]?.['count']);
  };
  const idlePath = async (): Promise<string> => {
    let found: unknown;
    await waitFor(
      'a path without a canary under way',
      async () => {
        const [row] = await database.query(
          `SELECT substr(workload, 8) AS path FROM leasehold.session WHERE workload LIKE 'canary/%'
           GROUP BY workload HAVING bool_and(state = 'ended') ORDER BY workload LIMIT 1`,
        );
        found = row?.['path'];
        return found !== undefined;
      },
      patienceMs,
    );
    return String(found);
  };
  const requests = async (path: string): Promise<number> =>
    (await readFile(requestLog, 'utf8'))
      .split('\n')
      .slice(0, -1)
      .map((line): unknown => JSON.parse(line))
      .filter((one) => valueAt(one, 'type') === 'request' && valueAt(one, 'request', 'path') === path).length;

  const owned = starting.move();
  return {
    parts,
    database,
    start,
    stopOthersThan: async (broker) => {
      for (const other of brokers) if (other !== broker) await other[Symbol.asyncDispose]();
    },
    logOf: (name) => readFile(join(folder.path, `${name}.log`), 'utf8'),
    ask,
    of,
    comesTo,
    metric,
    writeRole,
    accounts,
    usableAccounts,
    canaries,
    idlePath,
    requests,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function nobodysKubeconfig(address: string): string {
  return `apiVersion: v1
kind: Config
clusters: [{ name: nobody, cluster: { server: "https://${address}" } }]
users: [{ name: nobody, user: { token: none } }]
contexts: [{ name: nobody, context: { cluster: nobody, user: nobody } }]
current-context: nobody
`;
}
