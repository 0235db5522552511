import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createScheduler, type ScheduledRun, type Scheduler } from '../../../src/slurm/scheduler.ts';
import { startSlurm, type SlurmCluster } from '../../support/parts/slurm.ts';
import { describeWith } from '../../support/require.ts';

describeWith(['slurm'], 'a run that is cancelled in a real Slurm', () => {
  const { signal } = new AbortController();
  const why = 'cancelled by a test';
  let slurm: SlurmCluster;
  let scheduler: Scheduler;
  beforeAll(async () => {
    slurm = await startSlurm({ nodes: 4 });
    const conf = join(slurm.folder, 'slurm.conf');
    scheduler = createScheduler({ squeue: '/usr/bin/squeue', scontrol: '/usr/bin/scontrol', conf });
  });
  afterAll(async () => {
    // Undefined when it could not be started.
    await (slurm as SlurmCluster | undefined)?.[Symbol.asyncDispose]();
  });

  /** Runs of that array or heterogeneous job, or the one of the job, once there are so many in that state. */
  const runsOf = async (jobId: number, count = 1, state: NonNullable<ScheduledRun['state']> = 'RUNNING') => {
    let found: readonly ScheduledRun[] = [];
    await slurm.waitFor(`${count} of ${jobId} are ${state}`, async () => {
      const ids = (await slurm.command('squeue', '-h', '-r', '-t', 'all', '-j', String(jobId), '-O', 'JobID'))
        .split('\n')
        .map(Number);
      found = (await scheduler.runs(signal)).filter((run) => ids.includes(run.jobId) && run.state === state);
      return found.length === count;
    });
    return found.toSorted((a, b) => a.jobId - b.jobId);
  };
  const only = async (jobId: number, state?: ScheduledRun['state']): Promise<ScheduledRun> => {
    const [run] = await runsOf(jobId, 1, state);
    return run ?? expect.unreachable();
  };
  const told = (jobId: number, field: string) =>
    slurm
      .command('squeue', '-h', '-r', '-t', 'all', '-j', String(jobId), '-O', `${field}:80`)
      .then((text) => text.trim());
  const stateOf = (run: ScheduledRun) => told(run.jobId, 'StateCompact');
  const isCancelled = (run: ScheduledRun) =>
    slurm.waitFor(`${run.name} is cancelled`, async () => (await stateOf(run)) === 'CA');
  const clear = async (...ids: readonly number[]) => {
    if (ids.length > 0) await slurm.command('scancel', ...ids.map(String));
    await slurm.waitFor('nothing runs', async () => (await scheduler.runs(signal)).length === 0);
  };

  it.each(['RUNNING', 'SUSPENDED'] as const)(
    'while it is %s says why in its admin comment',
    async (state) => {
      const id = await slurm.submit('sleep 300');
      await only(id);
      if (state === 'SUSPENDED') await slurm.command('scontrol', 'suspend', String(id));
      const run = await only(id, state);
      await scheduler.cancelRun(run, why, signal);
      await isCancelled(run);
      expect(await told(id, 'admin_comment')).toBe(`leasehold: ${why}`);
      await scheduler.cancelRun(run, why, signal);
      expect(await stateOf(run)).toBe('CA');
      await clear();
    },
  );

  it('but was put back in that moment is left in the queue', async () => {
    const id = await slurm.submit('sleep 300', { args: ['--requeue'] });
    const run = await only(id);
    const setPartition = (state: 'UP' | 'DOWN') =>
      slurm.command('scontrol', 'update', 'PartitionName=gpu', `State=${state}`);
    // What runs goes on, and nothing starts: else it would run again after some seconds.
    await setPartition('DOWN');
    try {
      await slurm.command('scontrol', 'requeue', String(id));
      expect(await scheduler.cancelRun(run, why, signal)).toBe(false);
      await slurm.waitFor('it waits', async () => (await stateOf(run)) === 'PD');
      expect(await scheduler.cancelRun(run, why, signal)).toBe(false);
      expect(await stateOf(run)).toBe('PD');
      await clear(id);
    } finally {
      await setPartition('UP');
    }
  });

  it('takes no other task of its array along, though the last one has the id of the whole', async () => {
    const array = await slurm.submit('sleep 300', { args: ['--array=0-2'] });
    const tasks = await runsOf(array, 3);
    const last = tasks.find(({ jobId }) => jobId === array) ?? expect.unreachable();
    expect(last.name).toBe(`${array}_2`);
    expect(await scheduler.cancelRun(last, why, signal)).toBe(true);
    await slurm.waitFor('it is over', async () => (await scheduler.run(array, signal)) === undefined);
    expect((await runsOf(array, 2)).map(({ name }) => name)).toEqual(
      tasks.filter((task) => task !== last).map(({ name }) => name),
    );
    await clear(array);
  });

  it('cannot be while the controller is away', async () => {
    const id = await slurm.submit('sleep 300');
    const run = await only(id);
    await slurm.restartController({
      signal: 'SIGTERM',
      meanwhile: async () => {
        await expect(scheduler.cancelRun(run, why, signal)).rejects.toMatchObject({ code: 'workload_stale' });
      },
    });
    expect(await scheduler.cancelRun(await only(id), why, signal)).toBe(true);
    await clear();
  });

  it('is a component of a heterogeneous job alone, or with the first one the whole job', async () => {
    const het = await slurm.submit('sleep 300', { args: ['-n1', ':', '-n1', ':', '-n1'] });
    const [first, second, third] = await runsOf(het, 3);
    if (first === undefined || second === undefined || third === undefined) return expect.unreachable();
    expect(await scheduler.cancelRun(second, why, signal)).toBe(true);
    await slurm.waitFor('it is over', async () => (await scheduler.run(second.jobId, signal)) === undefined);
    expect((await runsOf(het, 2)).map(({ jobId }) => jobId)).toEqual([first.jobId, third.jobId]);
    expect(await scheduler.cancelRun(first, why, signal)).toBe(true);
    await slurm.waitFor('all are over', async () => (await scheduler.runs(signal)).length === 0);
  });
});
