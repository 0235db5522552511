import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OwnedProcess, OwnedProcessOptions } from './parts/owned-process.ts';
import { startProcess } from './parts/owned-process.ts';

const program = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const COMMAND_DEADLINE_MS = 120_000;

/** Starts `leasehold ARGS…` that goes on until it is stopped; its words are in a file of that name in the folder. */
export const startLeasehold = (options: {
  readonly name: string;
  readonly folder: string;
  readonly args: readonly string[];
  readonly runAs?: OwnedProcessOptions['runAs'];
  /** See `startProcess`. */
  readonly stdoutFile?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
}): Promise<OwnedProcess> =>
  startProcess({
    name: options.name,
    command: process.execPath,
    args: [program, ...options.args],
    cwd: options.folder,
    logFile: join(options.folder, `${options.name}.log`),
    stopGraceMs: 20_000,
    ...(options.stdoutFile === undefined ? {} : { stdoutFile: options.stdoutFile }),
    ...(options.runAs === undefined ? {} : { runAs: options.runAs }),
    env: options.env ?? {},
  });

/** How a command ended. */
export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `leasehold ARGS…` to its end; resolves with any status. */
export const runLeasehold = (args: readonly string[]): Promise<CommandResult> =>
  new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      [program, ...args],
      { timeout: COMMAND_DEADLINE_MS, killSignal: 'SIGKILL', env: { PATH: process.env['PATH'] ?? '' } },
      (error, stdout, stderr) => {
        if (child.exitCode === null)
          reject(new Error(`leasehold ${args[0] ?? ''} was killed`, { cause: error }));
        else resolve({ status: child.exitCode, stdout, stderr });
      },
    );
  });
