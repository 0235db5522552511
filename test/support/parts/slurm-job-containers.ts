import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Jobs find another `/tmp` than the cluster's, so its folder is elsewhere. */
export const besideJobContainers = '/var/tmp';

/** Lines of slurm.conf. */
export const jobContainerLines = ['JobContainerType=job_container/tmpfs', 'PrologFlags=Contain'] as const;

/** Where Slurm keeps what it makes for each job, by node and job id. */
export const jobContainersIn = (folder: string): string => join(folder, 'containers');

/** job_container.conf beside slurm.conf, in the folder of the cluster. */
export const writeJobContainers = (folder: string): Promise<void> =>
  writeFile(join(folder, 'job_container.conf'), `AutoBasePath=true\nBasePath=${jobContainersIn(folder)}\n`);

/**
 * Command line of a slurmd with a `/dev/shm` of its own: for each job Slurm unmounts the one it finds, which fails where other tests have
 * mounts below it. What slurmd itself mounts ends with it and its jobs; mounts made meanwhile in a shared folder come to it, as on a real node.
 *
 * All on one processor: Linux lets a mount namespace be kept by a file of an older one alone, and counts which is older by processor since 6.18.
 */
export const withOwnShm = (slurmd: string, ...args: readonly string[]): readonly [string, ...string[]] => [
  '/usr/bin/taskset',
  '--cpu-list',
  /^Cpus_allowed_list:\t(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0',
  '/usr/bin/unshare',
  '--mount',
  '--propagation=slave',
  '/bin/sh',
  '-c',
  'mount -t tmpfs leasehold /dev/shm && exec "$0" "$@"',
  slurmd,
  ...args,
];

/** Until disposed, what is mounted below the folder is mounted for every slurmd too: systemd has it so for a whole machine. */
export function shareMounts(folder: string): Disposable {
  const mount = (...args: readonly string[]) => {
    const { status, stderr } = spawnSync('/usr/bin/mount', args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  };
  mount('--bind', folder, folder);
  mount('--make-private', folder);
  mount('--make-shared', folder);
  return { [Symbol.dispose]: () => void spawnSync('/usr/bin/umount', ['--lazy', folder]) };
}
