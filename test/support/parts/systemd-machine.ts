import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { mayMount } from '../may-mount.ts';
import { waitFor } from './wait-until-ready.ts';

const boot = join(import.meta.dirname, 'boot-systemd');

/** Why there can be no such machine here; empty where there can. */
export const missingForSystemd: readonly string[] = [
  ...(existsSync('/lib/systemd/systemd') ? [] : ['systemd is not installed']),
  ...(mayMount ? [] : ['this process may not mount']),
  ...(readFileSync('/proc/filesystems', 'utf8').includes('cgroup2') ? [] : ['there is no cgroup2']),
];

/** A real systemd as the first process of a machine that has what a package has brought, and a network of its own. */
export interface SystemdMachine extends AsyncDisposable {
  /** Runs a command there, as root, to its end. */
  run(
    command: readonly string[],
    input?: string,
  ): { readonly status: number | null; readonly stdout: string; readonly stderr: string };
}

/** Of one command, and of the boot. */
const deadlineMs = 240_000;

/** `installed` is a folder that a package was installed below; its `etc` is copied, its `usr` is laid over this machine's. */
export async function startSystemdMachine(installed: string): Promise<SystemdMachine> {
  const root = mkdtempSync(join(tmpdir(), 'leasehold-systemd-'));
  const name = basename(root);
  const child = spawn('unshare', ['--mount', boot, 'outer', name, root, installed], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const run: SystemdMachine['run'] = (command, input = '') => {
    const target = firstProcessOf(child);
    if (target === undefined) throw new Error(`the machine is not running: ${said}`);
    const into = ['--target', target, '--mount', '--pid', '--net', '--ipc', '--uts', '--root', '--wd'];
    const options = { encoding: 'utf8', timeout: deadlineMs, input } as const;
    const { status, stdout, stderr } = spawnSync('nsenter', [...into, '--', ...command], options);
    return { status, stdout, stderr };
  };
  const machine: SystemdMachine = {
    run,
    [Symbol.asyncDispose]: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await ended;
      // Its groups of processes outlive the last of them.
      const groups = join(root, 'groups');
      await waitFor('the end of the machine', async () => {
        const removed = spawnSync('unshare', [
          '--mount',
          'sh',
          '-c',
          `mount -t cgroup2 leasehold '${groups}' && [ ! -d '${groups}/${name}' ] || find '${groups}/${name}' -depth -type d -exec rmdir {} +`,
        ]);
        return removed.status === 0;
      });
      rmSync(root, { recursive: true, force: true });
    },
  };
  try {
    await waitFor(
      'systemd',
      async () => {
        if (child.exitCode !== null) throw new Error(`systemd did not start: ${said}`);
        return (
          firstProcessOf(child) !== undefined &&
          run(['systemctl', 'is-active', 'multi-user.target']).stdout.trim() === 'active'
        );
      },
      deadlineMs,
    );
  } catch (error) {
    await machine[Symbol.asyncDispose]();
    throw error;
  }
  return machine;
}

/** As this machine's processes are numbered. */
function firstProcessOf({ pid = 0 }: ChildProcess): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0] || undefined;
  } catch {
    return undefined;
  }
}
