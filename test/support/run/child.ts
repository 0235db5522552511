import { spawn } from 'node:child_process';
import { setPriority } from 'node:os';

const children = new Set<() => void>();

/** Ends every child that still runs; for a runner that is told to stop. */
export const endChildren = (): void => {
  for (const end of children) end();
};

/** Runs a Node program to its end, with this process's own output; resolves with its exit status. */
export const runNode = (options: {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Sends its output to stderr, so that stdout is the tests' alone. */
  readonly toStderr?: boolean;
  /** Lets everything else go first. */
  readonly inBackground?: boolean;
  readonly deadlineMs: number;
}): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, options.args, {
      stdio: ['ignore', options.toStderr === true ? 2 : 'inherit', 'inherit'],
      env: { ...process.env, ...options.env },
    });
    const end = () => void child.kill('SIGTERM');
    children.add(end);
    const deadline = setTimeout(() => {
      process.stderr.write(`\nENDED: still running after ${options.deadlineMs / 60_000} min\n`);
      child.kill('SIGKILL');
    }, options.deadlineMs);
    const finish = () => {
      clearTimeout(deadline);
      children.delete(end);
    };
    child.once('spawn', () => {
      if (options.inBackground === true && child.pid !== undefined) setPriority(child.pid, 10);
    });
    child.once('error', (error) => {
      finish();
      reject(error);
    });
    child.once('exit', (status) => {
      finish();
      resolve(status ?? 1);
    });
  });
