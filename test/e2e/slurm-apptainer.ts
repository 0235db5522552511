import { appendFile, copyFile, cp, mkdir, readFile, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { toolPath } from '../support/tools/find-tool.ts';

const fragment = 'packaging/containers/apptainer.conf';
/** The folder of runs that it names. */
const shippedRuns = '/run/leasehold/runs';

/** An Apptainer without any right of its own, configured as a site does by the fragment, and an image over this machine's programs. */
export interface InstalledApptainer {
  /** Start of a command line that a program follows. */
  exec(options?: {
    /** A configuration without the fragment, or with one that names a folder that is not there. */
    readonly configured?: 'without' | 'absent';
    /** More options of `apptainer exec`. */
    readonly args?: readonly string[];
  }): string;
}

export async function installApptainer(options: {
  /** Of this installation; jobs may pass through what is above it. */
  readonly folder: string;
  /** Where the node has the files of its runs. */
  readonly runs: string;
}): Promise<InstalledApptainer> {
  const { folder, runs } = options;
  const built = dirname(dirname(await realpath(toolPath('apptainer'))));
  for (const part of ['bin/apptainer', 'libexec/apptainer', 'etc/apptainer', 'var/apptainer'])
    await cp(join(built, part), join(folder, part), { recursive: true });
  const conf = (name: string) => join(folder, 'etc/apptainer', `${name}.conf`);
  const shipped = await readFile(fragment, 'utf8');
  if (!shipped.includes(`\nbind path = ${shippedRuns}\n`))
    throw new Error(`${fragment} binds another folder`);
  for (const other of ['without', 'absent']) await copyFile(conf('apptainer'), conf(other));
  await appendFile(conf('apptainer'), shipped.replaceAll(shippedRuns, runs));
  await appendFile(conf('absent'), shipped.replaceAll(shippedRuns, `${runs}-absent`));
  const image = join(folder, 'image');
  const programs = ['/usr', '/bin', '/lib', '/lib64'];
  for (const path of [...programs, '/dev', '/etc', '/proc', '/sys', '/tmp'])
    await mkdir(join(image, path), { recursive: true });
  return {
    exec: ({ configured, args = [] } = {}) =>
      [
        join(folder, 'bin/apptainer'),
        ...(configured === undefined ? [] : ['--config', conf(configured)]),
        ...['exec', '--no-home', '--bind', programs.join(',')],
        ...[...args, image],
      ].join(' '),
  };
}
