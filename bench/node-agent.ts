import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { waitFor } from '../test/support/parts/wait-until-ready.ts';
import { memoryOf, rest, startChild } from './lib/child.ts';
import { askAsHook } from './lib/hook.ts';
import type { Benchmark, BenchResult } from './lib/result.ts';
import type { RunServerReady } from './lib/run-messages.ts';
import { type BenchSigner, prepareSigner, registerRun } from './lib/run-signer.ts';

const root = join(import.meta.dirname, '..');
const most = 64;
const settleMs = 5_000;
const goalMib = 1.5;

/**
 * Memory of the agent of a node with 1, 8 and 64 runs, each with a lease, and the processor time it takes while nothing happens, beside a Node
 * process that does nothing.
 */
export const nodeAgent: Benchmark = async ({ quick, say }) => {
  if (process.getuid?.() !== 0) {
    say('left out: the files of a run are given to its user, which needs root');
    return [];
  }
  say('building');
  await promisify(execFile)(process.execPath, [join(root, 'scripts', 'build.ts')]);
  const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'leasehold-bench-'));
  const children: ChildProcess[] = [];
  using building = new DisposableStack();
  try {
    await chmod(folder, 0o711);
    const bare = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e9)'], { stdio: 'ignore' });
    children.push(bare);
    const server = building.use(startChild('run-server-process.ts', ['broker', '1']));
    const ready = await server.next<RunServerReady>();
    const signer = await prepareSigner(ready);
    building.use(signer.broker);
    const socket = join(folder, 'agent.sock');
    const agent = await startAgent(folder, socket, ready);
    children.push(agent);
    await waitFor('the agent', () => Promise.resolve(existsSync(socket)), 20_000);
    const results: BenchResult[] = [];
    const sizes = new Map<number, number>();
    const peer = { name: 'bare node', value: memoryOf(bare.pid ?? 0).anonymousKb / 1024 };
    for (const runs of [1, 8, most]) {
      say(`${runs} runs`);
      for (let jobId = sizes.size === 0 ? 1 : lastOf(sizes) + 1; jobId <= runs; jobId += 1)
        await startRun(signer, socket, jobId);
      await rest(settleMs);
      const value = memoryOf(agent.pid ?? 0).anonymousKb / 1024;
      sizes.set(runs, value);
      results.push({ figure: `node_agent.memory_${runs}_runs`, value, unit: 'MiB', peer });
    }
    const each = ((sizes.get(most) ?? Number.NaN) - (sizes.get(1) ?? Number.NaN)) / (most - 1);
    const idleSeconds = quick ? 10 : 60;
    say(`idle for ${idleSeconds} s with ${most} runs`);
    const before = [cpuMs(agent), cpuMs(bare)] as const;
    await rest(idleSeconds * 1000);
    const idle = (cpuMs(agent) - before[0]) / idleSeconds;
    return [
      ...results,
      {
        figure: 'node_agent.memory_each_further_run',
        value: each,
        unit: 'MiB',
        goal: { text: `at most ${goalMib} MiB`, met: each <= goalMib },
      },
      {
        figure: `node_agent.idle_cpu_${most}_runs`,
        value: idle,
        unit: 'ms/s',
        goal: { text: 'at most 1 ms a second', met: idle <= 1 },
      },
      {
        figure: 'node_agent.idle_cpu_bare_node',
        value: (cpuMs(bare) - before[1]) / idleSeconds,
        unit: 'ms/s',
      },
    ];
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
};

const lastOf = (sizes: ReadonlyMap<number, number>): number => Math.max(...sizes.keys());

async function startAgent(folder: string, socket: string, ready: RunServerReady): Promise<ChildProcess> {
  const write = async (name: string, text: string) => {
    const file = join(folder, name);
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };
  const [pair] = ready.nodes;
  if (pair === undefined) throw new Error('the broker has made no certificate for the node');
  const config = await write(
    'node-agent.yaml',
    stringify({
      broker: { address: ready.address, ca: await write('ca.pem', ready.ca), serverName: 'localhost' },
      certificate: await write('tls.crt', pair.certificate),
      key: await write('tls.key', pair.key),
      socket,
      files: { root: join(folder, 'run'), mount: 'never' },
      log: { level: 'warn' },
    }),
  );
  return spawn(process.execPath, [join(root, 'dist/src/main.js'), 'node-agent', '--config', config], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** From registration to the end of the prolog: its files are there. */
async function startRun(signer: BenchSigner, socket: string, jobId: number): Promise<void> {
  await registerRun(signer, { jobId, nodes: ['n0'] });
  const answer = await askAsHook(socket, 'prolog', {
    SLURMD_NODENAME: 'n0',
    SLURM_JOB_ID: jobId,
    SLURM_JOB_RESTART_COUNT: 0,
  });
  if (answer !== 'OK\n') throw new Error(`job ${jobId}: ${answer}`);
}

/** Of all its threads since it started. */
function cpuMs({ pid = 0 }: ChildProcess): number {
  const [user = 0, system = 0] = (readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1] ?? '')
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return ((user + system) * 1000) / ticksPerSecond;
}

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
