import { homedir } from 'node:os';
import { systemClock } from '../platform/clock.ts';
import type { ExitStatus } from './exit-status.ts';
import { runCli } from './run-cli.ts';
import { createStdio } from './stdio.ts';

/** The commands for people, in the world of this process. Answers with the exit status. */
export async function runForPeople(argv: readonly string[]): Promise<ExitStatus> {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  // Once: a second Ctrl-C ends the program at once, by the default of the system.
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    return await runCli(argv, {
      stdio: createStdio(process),
      env: process.env,
      homeFolder: homedir(),
      clock: systemClock,
      random: Math.random,
      interrupted: interrupted.signal,
    });
  } finally {
    process.removeListener('SIGINT', interrupt);
    process.removeListener('SIGTERM', interrupt);
  }
}
