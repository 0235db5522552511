import { expect, it } from 'vitest';
import { documentedFacts } from '../support/demo-run.ts';
import { valueAt } from '../support/json.ts';
import { describeWith } from '../support/require.ts';
import { startDemoInFolder } from './demo-folder.ts';

const passedOn = ['HOME', 'LEASEHOLD_TOOLS_DIR', 'LEASEHOLD_CACHE', 'XDG_CACHE_HOME'];

const start = (stack: AsyncDisposableStack) => {
  const env = Object.fromEntries(
    passedOn.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
  // Long: slurmstepd has sockets, whose paths may have 107 bytes.
  return startDemoInFolder(stack, 'demo-slurm-in-a-folder-of-a-long-name', ['--slurm'], env);
};

describeWith(['vault', 'postgres', 'slurm'], 'leasehold demo --slurm', () => {
  it('shows a job from its registration to its account being gone, as the manual says, and leaves nothing', async () => {
    await using stack = new AsyncDisposableStack();
    const { run, expectNothingLeft } = await start(stack);
    expect([await run.ended(), run.stderr()]).toEqual([0, '']);
    const documented = documentedFacts({ steps: ['failed'], keys: [] }, 'Output with --slurm');
    expect([...run.facts()]).toEqual([...documented]);
    const [files, revoked, ended] = await Promise.all(
      ['files', 'revoked', 'ended'].map((step) => run.reached(step)),
    );
    expect(valueAt(files, 'mode')).toBe('0400');
    expect(valueAt(revoked, 'gone')).toBe(valueAt(files, 'username'));
    expect(valueAt(await run.reached('run'), 'job')).toBe(valueAt(ended, 'job'));
    await expectNothingLeft();
  });

  it('ends the job, its Slurm and everything else when it is told to end in the middle', async () => {
    await using stack = new AsyncDisposableStack();
    await (await start(stack)).expectEndInTheMiddle();
  });
});
