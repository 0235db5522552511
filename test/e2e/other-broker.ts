import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { freePort } from '../support/free-port.ts';
import { startLeasehold } from '../support/leasehold-process.ts';
import type { OwnedProcess } from '../support/parts/owned-process.ts';
import { waitUntilReady } from '../support/parts/wait-until-ready.ts';
import type { SiteFiles } from './site-files.ts';

/** One more broker of a site, on the same ledger. */
export interface OtherBroker extends AsyncDisposable {
  readonly process: OwnedProcess;
  /** host:port, listened at and advertised. */
  readonly workloads: string;
  readonly admin: string;
  /** `http://…` of its health and metrics. */
  readonly http: string;
  readonly audit: string;
  /** Flags of a command that asks this broker. */
  readonly connection: readonly string[];
}

/** broker.yaml, parsed. */
export type BrokerYaml = Readonly<Record<string, unknown>>;

/** For a broker that does not run yet. */
export const freeAddress = async (): Promise<string> => `127.0.0.1:${await freePort()}`;

/** Its configuration is that of the site's own broker but for what each broker has to itself. */
export const startOtherBroker = async (
  site: SiteFiles,
  options: {
    readonly folder: string;
    readonly name: string;
    readonly workloads: string;
    readonly env?: Readonly<Record<string, string>>;
    /** What is asked until it answers with 200; a broker whose clusters are away is never ready. */
    readonly until?: '/readyz' | '/healthz';
    /** What its standard output goes to, where that is not its log. */
    readonly stdoutFile?: string;
    /** What else is otherwise there. */
    readonly change?: (config: BrokerYaml) => BrokerYaml;
  },
): Promise<OtherBroker> => {
  const { folder, name, workloads, env = {}, until = '/readyz' } = options;
  const change = options.change ?? ((same: BrokerYaml) => same);
  const audit = join(folder, `${name}-audit.log`);
  const [admin, http] = [await freeAddress(), await freeAddress()];
  const config: unknown = parse(await readFile(site.brokerConfig, 'utf8'));
  const section = (key: string): Record<string, unknown> => ({
    ...(Object(config) as Record<string, Record<string, unknown> | undefined>)[key],
  });
  const own = {
    ...Object(config),
    workloads: { ...section('workloads'), listen: workloads },
    admin: { ...section('admin'), listen: admin },
    http: { listen: http },
    // A host has one broker as a rule, and its name is the broker's.
    replica: { ...section('replica'), name, advertise: { workloads } },
    audit: { ...section('audit'), file: audit },
  } as Record<string, unknown>;
  const file = join(folder, `${name}.yaml`);
  await writeFile(file, stringify(change(own)), { mode: 0o600 });
  const stdout = options.stdoutFile === undefined ? {} : { stdoutFile: options.stdoutFile };
  const process = await startLeasehold({
    name,
    folder,
    args: ['broker', '--config', file],
    env,
    ...stdout,
  });
  try {
    await waitUntilReady({
      process,
      ready: async () => (await fetch(`http://${http}${until}`)).status === 200,
    });
  } catch (error) {
    await process.stop();
    throw error;
  }
  const connection = site.connection.with(site.connection.indexOf('--broker') + 1, admin);
  return {
    process,
    workloads,
    admin,
    http: `http://${http}`,
    audit,
    connection,
    [Symbol.asyncDispose]: () => process.stop(),
  };
};
