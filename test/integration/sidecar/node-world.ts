import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { vi } from 'vitest';
import { askHook, askRaw } from '../../support/ask-hook.ts';
import type { FakeBroker } from '../../unit/sidecar/fake-broker.ts';
import { createMemoryFolder } from '../../unit/sidecar/memory-folder.ts';

const program = join(import.meta.dirname, '../../../src/main.ts');

export const patientProlog = 'prolog: { seconds: 120 }';

export const user = { uid: 12_345, gid: 12_346 };

/** What slurmd tells a hook of job 7 on node n1 of cluster one. */
export const slurmd = (more: Readonly<Record<string, string | number>> = {}) => ({
  SLURM_CLUSTER_NAME: 'one',
  SLURMD_NODENAME: 'n1',
  SLURM_JOB_ID: 7,
  SLURM_JOB_UID: user.uid,
  SLURM_JOB_GID: user.gid,
  SLURM_JOB_USER: 'u',
  SLURM_JOB_RESTART_COUNT: 0,
  ...more,
});

export interface AgentProcess extends AsyncDisposable {
  readonly pid: number;
  readonly exit: Promise<number | NodeJS.Signals>;
  output(): string;
  signal(name: NodeJS.Signals): void;
}

export interface NodeWorld extends AsyncDisposable {
  path(name: string): string;
  readonly config: readonly string[];
  /** A process that answers hooks. */
  start(): Promise<AgentProcess>;
  /** One that may never come to that. */
  spawn(...parameters: string[]): AgentProcess;
  hook(verb: string, variables?: Readonly<Record<string, string | number>>): Promise<string>;
  raw(bytes: Uint8Array): Promise<string>;
  marker(job?: number): string | undefined;
  readonly socket: string;
}

export async function createNodeWorld(
  broker: Pick<FakeBroker, 'address' | 'authority' | 'ca'>,
  /** More of the configuration. A prolog has time enough where that does not say otherwise. */
  more = patientProlog,
  uri = 'spiffe://example/slurm/one/node/n1',
  command: readonly string[] = [process.execPath, program],
): Promise<NodeWorld> {
  const home = await createMemoryFolder();
  chmodSync(home.path, 0o711);
  const path = (name: string) => join(home.path, name);
  const pair = broker.authority.issueClient({ commonName: 'node', uri });
  await writeFile(path('tls.crt'), pair.certificate);
  await writeFile(path('tls.key'), pair.key, { mode: 0o600 });
  await writeFile(path('ca.pem'), broker.ca);
  const socket = path('agent.sock');
  await writeFile(
    path('node-agent.yaml'),
    `
broker: { address: "${broker.address}", ca: ${path('ca.pem')} }
certificate: ${path('tls.crt')}
key: ${path('tls.key')}
socket: ${socket}
files: { root: ${path('run')}, mount: never }
log: { level: debug }
${more}
`,
  );
  const config = ['--config', path('node-agent.yaml')];
  const started: AgentProcess[] = [];
  const run = (...parameters: string[]) => {
    const child = startAgent([...command, 'node-agent', ...parameters]);
    started.push(child);
    return child;
  };
  return {
    path,
    config,
    socket,
    spawn: run,
    start: async () => {
      const child = run(...config);
      await vi.waitFor(
        () => {
          if (!child.output().includes('"ready"')) throw new Error(`not ready: ${child.output()}`);
        },
        { timeout: 120_000, interval: 50 },
      );
      return child;
    },
    raw: (bytes) => askRaw(socket, bytes),
    hook: (verb, variables = slurmd()) => askHook(socket, verb, variables),
    marker: (job = 7) => {
      const file = path(`run/jobs/${job}`);
      return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
    },
    [Symbol.asyncDispose]: async () => {
      for (const child of started) await child[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
    },
  };
}

function startAgent([command = '', ...args]: readonly string[]): AgentProcess {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  // Not `exit`: after that there may be more of its output.
  const exit = once(child, 'close').then(
    ([code, signal]: unknown[]) => (signal ?? code) as number | NodeJS.Signals,
  );
  return {
    pid: child.pid ?? 0,
    exit,
    output: () => output,
    signal: (name) => void child.kill(name),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await exit;
    },
  };
}
