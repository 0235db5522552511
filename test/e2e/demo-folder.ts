import { existsSync } from 'node:fs';
import { chmod, readdir } from 'node:fs/promises';
import { expect } from 'vitest';
import { type DemoRun, startDemo } from '../support/demo-run.ts';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import { createTempFolder } from '../support/temp-folder.ts';

/** A demo whose parts are real, and the folder that everything it writes to disk has to go to, and to be gone from. */
export interface DemoInFolder {
  readonly run: DemoRun;
  /** It has ended, every process of its own as well, and nothing is on disk. */
  readonly expectNothingLeft: () => Promise<void>;
  /** Told to end once the files are there, it fails and leaves nothing. */
  readonly expectEndInTheMiddle: () => Promise<void>;
}

/** The folder and the run end with `stack`. */
export const startDemoInFolder = async (
  stack: AsyncDisposableStack,
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<DemoInFolder> => {
  const folder = stack.use(await createTempFolder({ name }));
  // PostgreSQL and jobs run as other users and must be able to pass through to their own folders.
  await chmod(folder.path, 0o711);
  const run = stack.use(startDemo([...args, '--output', 'json'], { ...env, TMPDIR: folder.path }));
  const expectNothingLeft = async () => {
    expect(run.children()).toEqual([]);
    expect(await readdir(folder.path)).toEqual([]);
    expect(existsSync(run.folder() ?? '/')).toBe(false);
  };
  return {
    run,
    expectNothingLeft,
    expectEndInTheMiddle: async () => {
      await run.reached('files');
      run.kill('SIGTERM');
      expect(await run.ended()).toBe(1);
      await waitFor('every process of the demo to end', async () => run.children().length === 0, 10_000);
      await expectNothingLeft();
    },
  };
};
