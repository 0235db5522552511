import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
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
  /** Until disposed, that loopback port of the machine leads to this address (host:port) outside of it. */
  lead(port: number, address: string): Promise<AsyncDisposable>;
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
    lead: (port, address) => lead(firstProcessOf(child) ?? '', join(root, 'lead.sock'), { port, address }),
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

/** A program in the machine's network and this machine's files takes the connections, and hands each over by a socket. */
async function lead(
  target: string,
  path: string,
  { port, address }: { readonly port: number; readonly address: string },
): Promise<AsyncDisposable> {
  await using building = new AsyncDisposableStack();
  const [host = '', outside] = address.split(':');
  const server = createServer((socket) => {
    const onward = connect(Number(outside), host);
    // One that breaks takes the other with it.
    for (const end of [socket, onward])
      end.on('error', () => end.destroy()).on('close', () => (socket.destroy(), onward.destroy()));
    socket.pipe(onward).pipe(socket);
  });
  building.defer(() => void server.close());
  await once(server.listen(path), 'listening');
  const program = `const { connect, createServer } = require('node:net');
    createServer((socket) => {
      const onward = connect(${JSON.stringify(path)});
      for (const end of [socket, onward]) end.on('error', () => end.destroy()).on('close', () => (socket.destroy(), onward.destroy()));
      socket.pipe(onward).pipe(socket);
    }).listen(${port}, '127.0.0.1', () => process.stdout.write('listening'));`;
  const child = spawn('nsenter', [`--target=${target}`, '--net', process.execPath, '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  building.defer(async () => {
    const ended = once(child, 'close');
    if (child.exitCode === null && child.kill('SIGKILL')) await ended;
  });
  const signal = AbortSignal.timeout(deadlineMs);
  const isListening = await Promise.race([
    once(child.stdout, 'data', { signal }).then(() => true),
    once(child, 'exit', { signal }).then(() => false),
  ]);
  if (!isListening) throw new Error(`port ${port} of the machine cannot be had`);
  const owned = building.move();
  return { [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
