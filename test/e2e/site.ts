import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommandResult } from '../support/leasehold-process.ts';
import { runLeasehold, startLeasehold } from '../support/leasehold-process.ts';
import { valueAt } from '../support/json.ts';
import type { TestKubernetes } from '../support/parts/kubernetes.ts';
import { startKubernetes } from '../support/parts/kubernetes.ts';
import type { OwnedProcess } from '../support/parts/owned-process.ts';
import type { VaultProduct } from '../support/parts/vault.ts';
import type { VaultWithPostgres } from '../support/parts/vault-with-postgres.ts';
import { startVaultWithPostgres } from '../support/parts/vault-with-postgres.ts';
import { waitUntilReady } from '../support/parts/wait-until-ready.ts';
import { createTempFolder } from '../support/temp-folder.ts';
import type { BrokerTuning, SiteFiles } from './site-files.ts';
import { defaultProbationSeconds, writeSiteFiles } from './site-files.ts';

export interface SiteOptions extends BrokerTuning {
  /** Vault without it. */
  readonly product?: VaultProduct;
  /** Leads the broker to the Vault at that address by a way of the test's own; the site ends it. */
  readonly wayToVault?: (address: string) => Promise<{ readonly address: string } & AsyncDisposable>;
}

/** Everything real: two clusters, a Vault with its database, and a broker between them. */
export interface Site extends AsyncDisposable {
  readonly one: TestKubernetes;
  readonly two: TestKubernetes;
  readonly parts: VaultWithPostgres;
  readonly files: SiteFiles;
  /** SIGKILL, then what happens meanwhile, then a new one on the same files and ports. Resolves when it is ready. */
  killAndRestartBroker(meanwhile?: () => Promise<void>): Promise<void>;
  /** SIGTERM, and waits for its end. */
  stopBroker(): Promise<void>;
  /** A command of an administrator. */
  command(...args: readonly string[]): Promise<CommandResult>;
  /** The last lines that the broker wrote. */
  brokerOutput(): string;
  /** All that it has written, in all its lives. */
  brokerLog(): Promise<string>;
  /** `leasehold audit verify` of the broker's log. */
  verifyAudit(): Promise<CommandResult>;
  /** Records of the audit log, parsed. */
  auditRecords(): Promise<readonly unknown[]>;
  /** Paths of the requests that Vault has seen, except the broker's care for its own token. */
  vaultRequests(): Promise<readonly string[]>;
}

const jsonLines = (text: string): readonly unknown[] =>
  text
    .split('\n')
    // The last line may still be being written.
    .slice(0, -1)
    .map((line): unknown => JSON.parse(line));

/** All at once; whatever one of them does, each that has started belongs to the owner when this is over. */
const startTogether = async <A extends AsyncDisposable, B extends AsyncDisposable, C extends AsyncDisposable>(
  owner: AsyncDisposableStack,
  [a, b, c]: readonly [() => Promise<A>, () => Promise<B>, () => Promise<C>],
): Promise<readonly [A, B, C]> => {
  const owned = async <T extends AsyncDisposable>(start: () => Promise<T>) => owner.use(await start());
  const starts = [owned(a), owned(b), owned(c)] as const;
  await Promise.allSettled(starts);
  return Promise.all(starts);
};

export const startSite = async (tuning: SiteOptions = {}): Promise<Site> => {
  await using starting = new AsyncDisposableStack();
  const folder = starting.use(await createTempFolder({ name: 'site' }));
  const vaultLog = await createTempFolder({ name: 'vault-audit' });
  starting.use(vaultLog);
  const probationSeconds = tuning.vault?.probationSeconds ?? defaultProbationSeconds;
  const product = tuning.product ?? 'vault';
  const [parts, one, two] = await startTogether(starting, [
    () =>
      startVaultWithPostgres({
        product,
        defaultTtl: `${probationSeconds}s`,
        // Without it OpenBao takes its audit devices from its configuration alone.
        ...(product === 'bao' ? { configuration: 'unsafe_allow_api_audit_creation = true' } : {}),
      }),
    () => startKubernetes({ issuer: 'https://one.example' }),
    () => startKubernetes({ issuer: 'https://two.example', tokenKey: 'ec' }),
  ]);
  const requestLog = join(vaultLog.path, 'requests.log');
  await parts.vault.call('PUT', 'sys/audit/file', { type: 'file', options: { file_path: requestLog } });
  // Side by side: a cluster's controllers take seconds to make what a new namespace needs.
  await Promise.all(
    [one, two].map(async (cluster) => {
      await cluster.createNamespace('shop');
      for (const account of ['app', 'local', 'stranger']) await cluster.createServiceAccount('shop', account);
    }),
  );
  const way = await tuning.wayToVault?.(parts.vault.address);
  if (way !== undefined) starting.use(way);
  const files = await writeSiteFiles({
    folder: folder.path,
    vault: parts.vault,
    vaultAddress: (way ?? parts.vault).address,
    clusters: [one, two],
    tuning,
  });

  const startBroker = async (): Promise<OwnedProcess> => {
    const started = await startLeasehold({
      name: 'broker',
      folder: folder.path,
      args: ['broker', '--config', files.brokerConfig],
    });
    try {
      await waitUntilReady({
        process: started,
        ready: async () => (await fetch(`${files.http}/readyz`)).status === 200,
      });
      return started;
    } catch (error) {
      await started.stop();
      throw error;
    }
  };
  let broker = await startBroker();
  starting.defer(() => broker.stop());
  const owned = starting.move();
  return {
    one,
    two,
    parts,
    files,
    killAndRestartBroker: async (meanwhile) => {
      broker.signal('SIGKILL');
      await broker.stop();
      await meanwhile?.();
      broker = await startBroker();
    },
    stopBroker: () => broker.stop(),
    command: (...args) => runLeasehold([...args, ...files.connection]),
    brokerOutput: () => broker.lastOutput(),
    brokerLog: () => readFile(join(folder.path, 'broker.log'), 'utf8'),
    verifyAudit: () => runLeasehold(['audit', 'verify', files.audit]),
    auditRecords: async () => jsonLines(await readFile(files.audit, 'utf8')),
    vaultRequests: async () =>
      jsonLines(await readFile(requestLog, 'utf8'))
        .filter((entry) => valueAt(entry, 'type') === 'request')
        .map((entry) => String(valueAt(entry, 'request', 'path')))
        .filter((path) => !['auth/token/lookup-self', 'auth/token/renew-self'].includes(path)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
};
