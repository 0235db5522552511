import { type ChildProcess, spawn } from 'node:child_process';
import { extname, join } from 'node:path';
import { LeaseholdError } from '../platform/error.ts';
import { isSelfSufficient } from '../platform/own-asset.ts';
import { endingWithParent } from './parts/ending-with-parent.ts';

/** Compiled or not, as this file is; nothing where the program is Node itself. */
const program = isSelfSufficient
  ? []
  : [join(import.meta.dirname, '..', `main${extname(import.meta.filename)}`)];

/** How one run of the program ended. */
export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The parts that the demo started, each ended by its own process id. */
export interface Programs extends AsyncDisposable {
  /** `leasehold ARGS…` that goes on until it is ended. */
  start(args: readonly string[]): ChildProcess;
  /** `leasehold ARGS…` to its end. */
  run(args: readonly string[], timeoutMs: number): Promise<Ended>;
  own(child: ChildProcess): void;
  end(child: ChildProcess): Promise<void>;
}

const killAfterMs = 5_000;

/** When the signal aborts, everything is told to end and nothing more is started. */
export function createPrograms(options: {
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}): Programs {
  const { env, signal } = options;
  const children = new Set<ChildProcess>();
  const own = (child: ChildProcess) => {
    children.add(child);
    child.once('exit', () => children.delete(child));
  };
  const launch = (args: readonly string[], stdio: 'ignore' | 'pipe') => {
    if (signal.aborted) throw new LeaseholdError('cancelled');
    const [command, ...rest] = endingWithParent(process.execPath, [...program, ...args]);
    const child = spawn(command, rest, {
      env,
      stdio: ['ignore', stdio, stdio],
    });
    own(child);
    return child;
  };
  const end = async (child: ChildProcess): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    await gone;
    clearTimeout(timer);
  };
  const endAll = async () => {
    await Promise.all([...children].map(end));
  };
  signal.addEventListener('abort', () => void endAll(), { once: true });
  return {
    own,
    end,
    start: (args) => launch(args, 'ignore'),
    run: (args, timeoutMs) =>
      new Promise((resolve, reject) => {
        const child = launch(args, 'pipe');
        const stdout: Buffer[] = [];
        const stderr: Buffer[] = [];
        child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
        child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
        const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
        child.once('error', (cause) => {
          clearTimeout(timer);
          reject(new LeaseholdError('internal', { detail: 'a program could not be started', cause }));
        });
        child.once('close', (status) => {
          clearTimeout(timer);
          resolve({
            status: status ?? 1,
            stdout: Buffer.concat(stdout).toString('utf8'),
            stderr: Buffer.concat(stderr).toString('utf8'),
          });
        });
      }),
    [Symbol.asyncDispose]: endAll,
  };
}
