import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync, readFileSync } from 'node:fs';
import { endingWithParent } from './ending-with-parent.ts';
import type { FolderOwner } from './temp-folder.ts';

/** A child process that a test or the demo owns: its output is in a file, it ends with its owner, and only it is ended. */
export interface OwnedProcess extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** True from the moment the process is known to be gone. */
  readonly exited: boolean;
  /** The last lines it wrote, for a failure's message. */
  lastOutput(): string;
  /** Sends one signal to this process alone; SIGSTOP and SIGCONT imitate a part that hangs. */
  signal(name: NodeJS.Signals): void;
  /** Asks it to end, then kills it after the grace time; resolves when it is gone. Any number of calls. */
  stop(): Promise<void>;
}

export interface OwnedProcessOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** File that receives stdout and stderr. */
  readonly logFile: string;
  /** File or named pipe that receives stdout alone, in place of that. */
  readonly stdoutFile?: string;
  readonly cwd?: string;
  /** Added to a minimal environment (PATH, HOME, TMPDIR); nothing else of the parent's own is passed on. */
  readonly env?: Readonly<Record<string, string>>;
  readonly runAs?: FolderOwner;
  /** First signal of `stop`. */
  readonly stopSignal?: NodeJS.Signals;
  readonly stopGraceMs?: number;
}

const OUTPUT_TAIL_BYTES = 4_000;
const DEFAULT_GRACE_MS = 5_000;

const live = new Set<number>();
process.on('exit', () => {
  for (const pid of live) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Already gone, which is what was wanted.
    }
  }
});

const tail = (file: string): string => {
  try {
    return readFileSync(file, 'utf8').slice(-OUTPUT_TAIL_BYTES);
  } catch {
    return '';
  }
};

/** Starts a process; it is killed by the kernel when this process dies, even by SIGKILL, where setpriv exists. */
export const startProcess = async (options: OwnedProcessOptions): Promise<OwnedProcess> => {
  const log = openSync(options.logFile, 'a', 0o600);
  const stdout = options.stdoutFile === undefined ? log : openSync(options.stdoutFile, 'a', 0o600);
  const [command, ...args] = endingWithParent(options.command, options.args);
  const child = spawn(command, args, {
    cwd: options.cwd,
    stdio: ['ignore', stdout, log],
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: options.cwd ?? '/',
      ...(process.env['TMPDIR'] === undefined ? {} : { TMPDIR: process.env['TMPDIR'] }),
      ...options.env,
    },
    ...(options.runAs ?? {}),
  });
  const gone = once(child, 'exit');
  gone.catch(() => undefined);
  try {
    await once(child, 'spawn');
  } finally {
    closeSync(log);
    if (stdout !== log) closeSync(stdout);
  }
  const { pid } = child;
  if (pid === undefined) throw new Error(`${options.name} was started but has no process id`);
  live.add(pid);
  child.once('exit', () => live.delete(pid));

  const exited = () => child.exitCode !== null || child.signalCode !== null;
  const stop = async () => {
    if (exited()) return;
    child.kill(options.stopSignal ?? 'SIGTERM');
    // A stopped process takes no SIGTERM before it is continued.
    child.kill('SIGCONT');
    const kill = setTimeout(() => child.kill('SIGKILL'), options.stopGraceMs ?? DEFAULT_GRACE_MS);
    await gone;
    clearTimeout(kill);
  };
  return {
    name: options.name,
    pid,
    get exited() {
      return exited();
    },
    lastOutput: () => tail(options.logFile),
    signal: (name) => void child.kill(name),
    stop,
    [Symbol.asyncDispose]: stop,
  };
};
