import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { buildHook } from '../../../scripts/build-hook.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { slurmd, type NodeWorld } from './node-world.ts';

/** A script. */
const taskProlog = 'leasehold-task-prolog';

export interface HookOutcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What slurmd and slurmstepd fork, built for this test. */
export interface HookPrograms extends AsyncDisposable {
  readonly folder: string;
  /** Tells the processes of that folder's run. */
  notify(of: string): Promise<HookOutcome>;
  /** A variable may also be bytes that are no text. */
  hook(world: NodeWorld, verb: string, variables?: object): Promise<HookOutcome>;
  taskProlog(world: NodeWorld, variables?: object): Promise<HookOutcome>;
}

/** For this machine, or by a compiler for another one, whose programs `emulator` runs. */
export async function buildHookPrograms(
  foreign: { readonly compiler?: string; readonly emulator?: string } = {},
): Promise<HookPrograms> {
  const { emulator, ...toolchain } = foreign;
  await using building = new AsyncDisposableStack();
  const folder = building.use(await createTempFolder({ name: 'node-hooks' }));
  const built = buildHook({ folder: folder.path, ...toolchain });
  if (!built.built) throw new Error(built.why);
  const owned = building.move();
  const run = (name: string, args: readonly string[], variables: object): Promise<HookOutcome> =>
    new Promise((resolve) => {
      const entries: readonly (readonly [string, unknown])[] = Object.entries(variables);
      const env = Object.fromEntries(entries.map(([key, value]) => [key, String(value)]));
      // Node gives a process texts only.
      const raw = entries.map(([key, value]) => (value instanceof Uint8Array ? exportOf(key, value) : ''));
      const program = join(folder.path, name);
      const line = emulator === undefined || name === taskProlog ? [program] : [emulator, program];
      const shell = ['-c', `${raw.join('')}exec "$0" "$@"`, ...line, ...args];
      execFile('/bin/sh', shell, { env, timeout: 180_000 }, (error, stdout, stderr) =>
        resolve({ status: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
      );
    });
  return {
    folder: folder.path,
    notify: (of) => run('leasehold-notify', [of], {}),
    // Longer than the agent may take, also on a busy machine.
    hook: (world, verb, variables = slurmd()) =>
      run('leasehold-hook', [verb, '--socket', world.socket, '--timeout', '150'], variables),
    taskProlog: (world, variables = slurmd()) => run(taskProlog, [world.path('run/jobs')], variables),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function exportOf(key: string, value: Uint8Array): string {
  const octal = [...value].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
  return `export ${key}="$(printf '${octal}')"; `;
}
