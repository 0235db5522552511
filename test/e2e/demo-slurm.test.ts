import { existsSync } from 'node:fs';
import { chmod, readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { documentedFacts, startDemo } from '../support/demo-run.ts';
import { valueAt } from '../support/json.ts';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import { describeWith } from '../support/require.ts';
import { createTempFolder } from '../support/temp-folder.ts';

const passedOn = ['HOME', 'LEASEHOLD_TOOLS_DIR', 'LEASEHOLD_CACHE', 'XDG_CACHE_HOME'];

/** Where everything that the demo writes to disk has to go, and to be gone from. Long: slurmstepd has sockets, whose paths may have 107 bytes. */
const startInFolder = async (stack: AsyncDisposableStack) => {
  const folder = stack.use(await createTempFolder({ name: 'demo-slurm-in-a-folder-of-a-long-name' }));
  // PostgreSQL and jobs run as other users and must be able to pass through to their own folders.
  await chmod(folder.path, 0o711);
  const env = Object.fromEntries(
    passedOn.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
  const run = startDemo(['--slurm', '--output', 'json'], { ...env, TMPDIR: folder.path });
  return { folder: folder.path, run: stack.use(run) };
};

describeWith(['vault', 'postgres', 'slurm'], 'leasehold demo --slurm', () => {
  it('shows a job from its registration to its account being gone, as the manual says, and leaves nothing', async () => {
    await using stack = new AsyncDisposableStack();
    const { folder, run } = await startInFolder(stack);
    expect([await run.ended(), run.stderr()]).toEqual([0, '']);
    const documented = documentedFacts({ steps: ['failed'], keys: [] }, 'Output with --slurm');
    expect([...run.facts()]).toEqual([...documented]);
    const [files, revoked, ended] = await Promise.all(
      ['files', 'revoked', 'ended'].map((step) => run.reached(step)),
    );
    expect(valueAt(files, 'mode')).toBe('0400');
    expect(valueAt(revoked, 'gone')).toBe(valueAt(files, 'username'));
    expect(valueAt(await run.reached('run'), 'job')).toBe(valueAt(ended, 'job'));
    expect(run.children()).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
    expect(existsSync(run.folder() ?? '/')).toBe(false);
  });

  it('ends the job, its Slurm and everything else when it is told to end in the middle', async () => {
    await using stack = new AsyncDisposableStack();
    const { folder, run } = await startInFolder(stack);
    await run.reached('files');
    run.kill('SIGTERM');
    expect(await run.ended()).toBe(1);
    await waitFor('every process of the demo to end', async () => run.children().length === 0, 10_000);
    expect(await readdir(folder)).toEqual([]);
    expect(existsSync(run.folder() ?? '/')).toBe(false);
  });
});
