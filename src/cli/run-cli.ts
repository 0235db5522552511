import { LeaseholdError } from '../platform/error.ts';
import type { ErrorCode } from '../platform/error.ts';
import { loadCommandTree } from './command-tree.ts';
import { exitStatus } from './exit-status.ts';
import type { ExitStatus } from './exit-status.ts';
import { runProgram } from './program.ts';
import type { World } from './world.ts';
import { WrongUse } from './wrong-use.ts';

/** Nobody answered, or nobody who stays. */
const outOfReach: ReadonlySet<ErrorCode> = new Set(['broker_unavailable', 'shutting_down']);

/**
 * Runs one command line (without the program's name) and answers with its exit status. Never throws: whatever went wrong
 * has become words on standard error.
 */
export async function runCli(argv: readonly string[], world: World): Promise<ExitStatus> {
  try {
    // What most programs call it.
    const line = argv.length === 1 && argv[0] === '--version' ? ['version'] : argv;
    return await runProgram(line, { tree: await loadCommandTree(), world });
  } catch (error) {
    return explainFailure(error, world);
  }
}

function explainFailure(error: unknown, world: World): ExitStatus {
  const say = (text: string) => world.stdio.err.write(`leasehold: ${text}\n`);
  if (error instanceof WrongUse) {
    say(error.message);
    for (const line of error.hint?.split('\n') ?? []) say(line);
    return exitStatus.wrongUse;
  }
  if (world.interrupted.aborted) {
    say('interrupted');
    return exitStatus.refused;
  }
  const { code, message, detail } = LeaseholdError.from(error);
  // A detail never comes over the wire: it is this program's own finding, such as why no connection came about.
  say(`${message}${detail === undefined ? '' : `: ${detail}`} (${code})`);
  return outOfReach.has(code) ? exitStatus.outOfReach : exitStatus.refused;
}
