import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makePackages } from '../../../scripts/make-packages.ts';
import { ownArchitecture } from '../../../scripts/package-architectures.ts';
import type { CommandResult } from '../../support/leasehold-process.ts';
import { createTempFolder } from '../../support/temp-folder.ts';

const deadlineMs = 240_000;

/** A program to its end, with no more of an environment than is given: no PATH, so no Node. */
export const runBare = (
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: deadlineMs });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', reject);
    child.once('close', (status) => resolve({ status: status ?? -1, stdout, stderr }));
  });

/** Both packages of this machine's architecture, and the .deb installed below a folder. */
export interface InstalledPackage extends AsyncDisposable {
  readonly folder: string;
  readonly deb: string;
  readonly rpm: string;
  /** Where it is installed, as if that were a machine. */
  readonly root: string;
}

export async function installPackage(name: string): Promise<InstalledPackage> {
  await using building = new AsyncDisposableStack();
  const { path: folder } = building.use(await createTempFolder({ name }));
  const architecture = ownArchitecture();
  if (architecture === undefined) throw new Error('there is no package for this architecture');
  const made = await makePackages({ architecture, folder });
  if (!made.made) throw new Error(made.why.join('; '));
  const [deb = '', rpm = ''] = made.files;
  const root = join(folder, 'machine');
  await installDeb(deb, root);
  const owned = building.move();
  return { folder, deb, rpm, root, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Installs a .deb below a folder, which stands for a machine: this one's own packages are neither asked nor changed. */
async function installDeb(deb: string, root: string): Promise<void> {
  const state = join(root, 'var/lib/dpkg');
  for (const name of ['info', 'updates', 'triggers']) await mkdir(join(state, name), { recursive: true });
  await writeFile(join(state, 'status'), '');
  await dpkg([`--root=${root}`, '--force-script-chrootless,depends,unsafe-io', '--install', deb]);
}

export async function dpkg(args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runBare('/usr/bin/dpkg', args, {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C.UTF-8',
  });
  if (status !== 0) throw new Error(`dpkg ${args.join(' ')}: ${stderr}`);
  return stdout;
}
