import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isRowOf } from '../../../src/lease/runs/reported-run.ts';
import { createScheduler } from '../../../src/slurm/scheduler.ts';
import { aRunIdentity } from '../../contract/ledger/runs-contract.ts';
import { startProcess } from '../../support/parts/owned-process.ts';
import { startSlurm } from '../../support/parts/slurm.ts';
import { describeWith } from '../../support/require.ts';

describeWith(['slurm'], 'a node that has to boot for its job', () => {
  it('starts a run later than its registration saw, and the run is still known by its rows', async () => {
    await using slurm = await startSlurm({
      nodes: 1,
      conf: [
        'SuspendProgram=/bin/true',
        'ResumeProgram=/bin/true',
        'SuspendTime=3600',
        'SuspendTimeout=3',
        'ResumeTimeout=300',
      ],
    });
    const scheduler = createScheduler({
      squeue: '/usr/bin/squeue',
      scontrol: '/usr/bin/scontrol',
      conf: join(slurm.folder, 'slurm.conf'),
    });
    const signal = new AbortController().signal;
    const nodeIs = (state: string) =>
      slurm.waitFor(
        `the node is ${state}`,
        async () => (await slurm.nodeStates())[0]?.includes(state) === true,
      );
    await slurm.command('scontrol', 'update', 'nodename=n1', 'state=power_down_force');
    await nodeIs('POWERED_DOWN');
    const id = await slurm.submit('sleep 300', { args: ['--requeue'] });
    await slurm.waitFor('it waits for its node', async () => (await slurm.state(id)) === 'CF');
    const before = await scheduler.run(id, signal);
    if (before === undefined) throw new Error('squeue does not show a job that is configuring');
    expect(before.isStarting).toBe(true);
    const run = { identity: aRunIdentity({ jobId: id, start: before.start }), restarts: before.restarts };
    const isOurs = async () => {
      const row = await scheduler.run(id, signal);
      return row === undefined ? undefined : isRowOf(run, { ...row, endsAt: undefined });
    };

    // It boots: slurmd is started anew and says so.
    process.kill(Number(await readFile(join(slurm.folder, 'spool/n1.pid'), 'utf8')), 'SIGTERM');
    await using booted = new AsyncDisposableStack();
    const slurmd = await startProcess({
      name: 'slurmd',
      command: '/usr/sbin/slurmd',
      args: ['-D', '-N', 'n1', '-b'],
      logFile: join(slurm.folder, 'log/booted.out'),
      env: { ...slurm.env, PATH: '/usr/bin:/bin:/usr/sbin' },
    });
    booted.use(slurmd);
    await slurm.waitFor('it runs', async () => (await slurm.state(id)) === 'R');
    const after = await scheduler.run(id, signal);
    expect(after?.start).toBeGreaterThan(before.start);
    expect(await isOurs()).toBe(true);

    await slurm.command('scontrol', 'requeue', String(id));
    await slurm.waitFor(
      'it runs again',
      async () => (await scheduler.run(id, signal))?.restarts === 1 && (await slurm.state(id)) === 'R',
    );
    expect(await isOurs()).toBe(false);
    execFileSync('/usr/bin/scancel', [String(id)], { env: { ...slurm.env } });
  });
});
