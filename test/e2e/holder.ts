import { mkdtemp, mkdir, readFile, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { stringify } from 'yaml';
import { systemCode } from '../../src/platform/small-file.ts';
import { startLeasehold } from '../support/leasehold-process.ts';
import type { OwnedProcess } from '../support/parts/owned-process.ts';
import type { SiteFiles } from './site-files.ts';

/** Magic number of tmpfs in statfs(2). */
const TMPFS = 0x01021994;
const MEMORY = '/dev/shm';

/** A database account as the program of a pod reads it. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

/** A sidecar and the folder in which it keeps the bundle `app`. */
export interface Holder extends AsyncDisposable {
  readonly process: OwnedProcess;
  /** The account in the files; undefined where they are not there. */
  readLogin(): Promise<Login | undefined>;
  /** Text of one file; undefined where it is not there. */
  readFile(name: string): Promise<string | undefined>;
  /** Names that a program sees in the bundle's folder. */
  list(): Promise<readonly string[]>;
}

const absentAs = async <T>(otherwise: T, read: () => Promise<T>): Promise<T> => {
  try {
    return await read();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return otherwise;
    throw error;
  }
};

/** Starts a sidecar with that token. With `notify` it acknowledges a generation once that URL has answered. */
export const startHolder = async (options: {
  readonly site: SiteFiles;
  readonly token: string;
  readonly notify?: string;
  /** Brokers to choose from, in place of the site's own. */
  readonly brokers?: readonly string[];
}): Promise<Holder> => {
  const { site, token, notify } = options;
  const onMemory = await absentAs(false, async () => (await statfs(MEMORY)).type === TMPFS);
  const folder = await mkdtemp(join(onMemory ? MEMORY : tmpdir(), 'leasehold-holder-'));
  const remove = () => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  try {
    const target = join(folder, 'secrets');
    await mkdir(target, { mode: 0o700 });
    const credential = join(folder, 'token');
    await writeFile(credential, token, { mode: 0o600 });
    const config = join(folder, 'sidecar.yaml');
    await writeFile(
      config,
      stringify({
        broker: { address: options.brokers ?? site.workloads, ca: site.ca },
        credential,
        target,
        allowDisk: !onMemory,
        log: { level: 'debug' },
        bundles: [
          { name: 'app', ...(notify === undefined ? {} : { notify: { http: notify }, requireAck: true }) },
        ],
      }),
    );
    const owned = await startLeasehold({ name: 'sidecar', folder, args: ['sidecar', '--config', config] });
    const bundle = join(target, 'app');
    const read = (name: string) =>
      absentAs<string | undefined>(undefined, () => readFile(join(bundle, name), 'utf8'));
    return {
      process: owned,
      readFile: read,
      readLogin: async () => {
        // Two reads may fall on both sides of a switch: the same name before and after says that they did not.
        const username = await read('username');
        const password = await read('password');
        if (username === undefined || password === undefined || username !== (await read('username')))
          return undefined;
        return { username, password };
      },
      list: () =>
        absentAs<readonly string[]>([], async () =>
          (await readdir(bundle)).filter((name) => !name.startsWith('.')),
        ),
      [Symbol.asyncDispose]: async () => {
        await owned.stop();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
};
