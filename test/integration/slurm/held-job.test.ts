import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { openHeldJobs, type HeldJobs } from '../../../src/slurm/held-jobs.ts';
import { createScheduler, type Scheduler } from '../../../src/slurm/scheduler.ts';
import { startSlurm, type SlurmCluster } from '../../support/parts/slurm.ts';
import { describeWith } from '../../support/require.ts';

describeWith(['slurm'], 'a job that was held and released in a real Slurm', () => {
  const { signal } = new AbortController();
  const heldByUs = 'leasehold: held until the credential service can be reached; released by itself';
  let slurm: SlurmCluster;
  let scheduler: Scheduler;
  let jobs: HeldJobs;

  const open = () =>
    openHeldJobs({
      path: join(slurm.folder, 'held.json'),
      scheduler,
      clock: systemClock,
      random: Math.random,
      log: silentLog,
      signal,
    });
  beforeAll(async () => {
    slurm = await startSlurm({ nodes: 1 });
    const scontrol = join(slurm.folder, 'scontrol');
    // While `dies` is there, the signer is gone as soon as it has released.
    await writeFile(
      scontrol,
      `#!/bin/sh
case "$*" in *'leasehold: released'*) [ ! -e "${slurm.folder}/dies" ] || exit 1 ;; esac
exec /usr/bin/scontrol "$@"
`,
      { mode: 0o755 },
    );
    scheduler = createScheduler({
      squeue: '/usr/bin/squeue',
      scontrol,
      conf: join(slurm.folder, 'slurm.conf'),
    });
  });
  beforeEach(async () => {
    for (const user of ['games', 'root']) await slurm.command('scancel', `--user=${user}`);
    await slurm.waitFor('nothing runs', async () => (await scheduler.runs(signal)).length === 0);
    await rm(join(slurm.folder, 'held.json'), { force: true });
    jobs = await open();
  });
  afterAll(async () => {
    // Undefined when it could not be started.
    await (slurm as SlurmCluster | undefined)?.[Symbol.asyncDispose]();
  });

  const told = async (jobId: number) => {
    const format = 'StateCompact:6,PriorityLong:14,Reason:40,admin_comment:90';
    const text = await slurm.command('squeue', '-h', '-t', 'all', '-j', String(jobId), '-O', format);
    return {
      state: text.slice(0, 6).trim(),
      priority: Number(text.slice(6, 20)),
      reason: text.slice(20, 60).trim(),
      comment: text.slice(60).trim(),
    };
  };
  /** One that is held, and whose node is taken meanwhile, so that it waits in the queue when it is released. */
  const heldJob = async () => {
    const id = await slurm.submit('sleep 300', { args: ['--requeue', '--exclusive'] });
    await slurm.waitFor('it runs', async () => (await slurm.state(id)) === 'R');
    await jobs.hold(String(id));
    await slurm.waitFor('it is held', async () => (await slurm.state(id)) === 'PD');
    expect(await told(id)).toMatchObject({ priority: 0, comment: heldByUs });
    const blocker = await slurm.submit('sleep 300', { args: ['--exclusive'] });
    await slurm.waitFor('its node is taken', async () => (await slurm.state(blocker)) === 'R');
    return { id, blocker };
  };
  const clear = (...ids: readonly number[]) => slurm.command('scancel', ...ids.map(String));

  it.each([
    ['its user', 'uhold', 'JobHeldUser'],
    ['an administrator', 'hold', 'JobHeldAdmin'],
  ] as const)('is left alone when %s holds it after that', async (_who, command, reason) => {
    const { id, blocker } = await heldJob();
    await jobs.release();
    expect(await told(id)).toMatchObject({ state: 'PD', comment: 'leasehold: released' });
    expect((await told(id)).priority).toBeGreaterThan(0);
    await slurm.command('scontrol', command, String(id));
    for (let look = 0; look < 3; look += 1) await jobs.release();
    expect(await told(id)).toMatchObject({ state: 'PD', priority: 0, reason });
    await clear(id, blocker);
  });

  it('keeps the priority that an administrator gives it', async () => {
    const { id, blocker } = await heldJob();
    await jobs.release();
    await slurm.command('scontrol', 'update', `JobId=${id}`, 'Priority=4242');
    for (let look = 0; look < 3; look += 1) await jobs.release();
    expect(await told(id)).toMatchObject({ state: 'PD', priority: 4242 });
    await clear(id, blocker);
  });

  it.each([
    ['uhold', [], { priority: 0, reason: 'JobHeldUser' }],
    ['update', ['Priority=4242'], { priority: 4242 }],
  ] as const)(
    'is left alone (%s) though the signer was killed before it could take its comment away',
    async (command, more, after) => {
      const { id, blocker } = await heldJob();
      await writeFile(join(slurm.folder, 'dies'), '');
      await jobs.release();
      await rm(join(slurm.folder, 'dies'));
      expect(await told(id)).toMatchObject({ state: 'PD', comment: heldByUs });
      const job = command === 'update' ? `JobId=${id}` : String(id);
      await slurm.command('scontrol', command, job, ...more);
      jobs = await open();
      for (let look = 0; look < 3; look += 1) await jobs.release();
      expect(await told(id)).toMatchObject({ state: 'PD', ...after, comment: 'leasehold: released' });
      await clear(id, blocker);
    },
  );

  it('does not come back when it is cancelled before it can be held', async () => {
    const id = await slurm.submit('sleep 300', { args: ['--requeue'] });
    await slurm.waitFor('it runs', async () => (await slurm.state(id)) === 'R');
    await clear(id);
    await slurm.waitFor('it is cancelled', async () => (await slurm.state(id)) === 'CA');
    await expect(jobs.hold(String(id))).rejects.toMatchObject({ code: 'workload_stale' });
    expect(await told(id)).toMatchObject({ state: 'CA' });
    // What that order is for: Slurm itself would have put it back.
    await slurm.command('scontrol', 'requeuehold', String(id));
    expect(await told(id)).toMatchObject({ state: 'PD' });
    await clear(id);
  });
});
