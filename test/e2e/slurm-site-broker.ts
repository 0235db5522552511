import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from '../support/free-port.ts';
import { startLeasehold } from '../support/leasehold-process.ts';
import type { OwnedProcess } from '../support/parts/owned-process.ts';
import { waitUntilReady } from '../support/parts/wait-until-ready.ts';

/** Where one broker of a site listens: host:port each. */
export interface BrokerAddresses {
  readonly workloads: string;
  readonly nodes: string;
  readonly admin: string;
  readonly http: string;
}

export async function brokerAddresses(): Promise<BrokerAddresses> {
  const address = async () => `127.0.0.1:${await freePort()}`;
  const [workloads, nodes, admin, http] = [
    await address(),
    await address(),
    await address(),
    await address(),
  ];
  return { workloads, nodes, admin, http };
}

/** A broker that can be stopped, killed and started anew. */
export interface SiteBroker extends AsyncDisposable {
  readonly addresses: BrokerAddresses;
  /** Its own log. */
  audit(): Promise<string>;
  /** No effect where it runs. */
  start(): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  metrics(): Promise<string>;
  lastOutput(): string;
}

/** Not started. `config` is what all brokers of the site have in common. */
export async function createSiteBroker(options: {
  readonly folder: string;
  readonly name: string;
  readonly addresses: BrokerAddresses;
  readonly config: Readonly<Record<string, unknown>>;
  /** Of those that listen. */
  readonly tls: Readonly<Record<string, string>>;
  readonly clientCa: string;
  readonly audit: Readonly<Record<string, unknown>>;
}): Promise<SiteBroker> {
  const { folder, name, addresses, tls, clientCa } = options;
  const { workloads, nodes, admin, http } = addresses;
  const auditFile = join(folder, `${name}-audit.log`);
  const file = join(folder, `${name}.yaml`);
  const own = {
    ...options.config,
    workloads: { listen: workloads, tls },
    nodes: { listen: nodes, tls: { ...tls, clientCa } },
    admin: {
      listen: admin,
      tls: { ...tls, clientCa },
      clients: [{ name: 'on-call', commonName: 'on-call', rights: ['view', 'revoke'] }],
    },
    http: { listen: http },
    replica: { name, advertise: { nodes } },
    audit: { ...options.audit, file: auditFile },
  };
  await writeFile(file, stringify(own), { mode: 0o600 });
  let process: OwnedProcess | undefined;
  return {
    addresses,
    audit: () => readFile(auditFile, 'utf8'),
    start: async () => {
      if (process?.exited === false) return;
      const started = await startLeasehold({ name, folder, args: ['broker', '--config', file] });
      process = started;
      await waitUntilReady({
        process: started,
        ready: async () => (await fetch(`http://${http}/readyz`)).status === 200,
      });
    },
    stop: async () => process?.stop(),
    kill: async () => {
      process?.signal('SIGKILL');
      await process?.stop();
    },
    signal: (signal) => process?.signal(signal),
    metrics: async () => (await fetch(`http://${http}/metrics`)).text(),
    lastOutput: () => `${name}: ${process?.lastOutput() ?? ''}`,
    [Symbol.asyncDispose]: async () => process?.stop(),
  };
}
