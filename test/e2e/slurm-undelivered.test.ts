import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mayMount } from '../support/may-mount.ts';
import { valueAt } from '../support/json.ts';
import { describeWith } from '../support/require.ts';
import { holding, type jobsOf, tell, wait } from './slurm-jobs.ts';
import { type Node, type SlurmSite } from './slurm-site.ts';
import { useSlurmSite } from './slurm-suite.ts';

const noRoom = 'This node has no room for the credentials of this job';

let site: SlurmSite;
let jobs: ReturnType<typeof jobsOf>;

/** One of the nodes cannot deliver; the others have the files by then. */
describeWith(['vault', 'postgres', 'slurm'], 'a job on four nodes', () => {
  describe.runIf(mayMount)('one of which has no room', () => {
    useSlurmSite((...started) => ([site, jobs] = started), {
      // The other nodes have that long to deliver, and Slurm waits as long; less than the hook waits.
      prolog: { seconds: 12 },
      conf: ['MessageTimeout=30'],
    });

    /** Until disposed, not a byte more goes into the files of that node. */
    const fill = async (node: Node): Promise<AsyncDisposable> => {
      const path = join(site.writtenOn(node), 'full');
      const file = await open(path, 'w');
      const isFull = (error: unknown) => error instanceof Error && 'code' in error && error.code === 'ENOSPC';
      for (let left = true; left;)
        left = await file.write(Buffer.alloc(65_536)).then(
          () => true,
          (error: unknown) => {
            if (isFull(error)) return false;
            throw error;
          },
        );
      await file.close();
      return { [Symbol.asyncDispose]: () => rm(path) };
    };
    const records = async (action: string, jobId: number) =>
      (await site.audit())
        .split('\n')
        .filter((line) => line.includes(`"${action}"`) && line.includes(`"${jobId}"`))
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    const comment = async (jobId: number) =>
      (
        await site.slurm.command('squeue', '-h', '-t', 'all', '-j', String(jobId), '-O', 'admin_comment:90')
      ).trim();

    it('is cancelled through the controller where its bundle says so, and nothing of it is left', async () => {
      await using stack = new AsyncDisposableStack();
      stack.use(await fill('n3'));
      const job = await site.submit(holding, { args: ['-N4', '--comment=leasehold=vital'] });
      const login = await jobs.loginOf(job);
      await site.slurm.waitFor('it is cancelled', async () => (await site.slurm.state(job)) === 'CA');
      expect(await comment(job)).toBe(
        'leasehold: cancelled, as a node could not be given the credentials of this job',
      );
      await jobs.expectOver([job], [login]);
      expect(await records('run_undelivered', job)).toMatchObject([
        {
          outcome: 'failed',
          node: 'hpc/n3',
          code: 'delivery_no_space',
          reason: 'its agent gave up; the job is to be cancelled',
        },
      ]);
      await site.slurm.waitFor(
        'the broker is told',
        async () => (await records('run_cancel', job)).length > 0,
      );
      expect(await records('run_cancel', job)).toMatchObject([
        { outcome: 'ok', actor: 'signer:hpc', user: 'games' },
      ]);
      await site.slurm.waitFor('no session of it is left', async () => {
        const listed = await site.command('session', 'list', '--job', String(job), '--output', 'json');
        return valueAt(JSON.parse(listed.stdout), 'sessions', '0') === undefined;
      });
    });

    it('goes on where no bundle says so, but for its tasks there', async () => {
      await using stack = new AsyncDisposableStack();
      stack.use(await fill('n3'));
      const step = `srun -w n3 -N1 -n1 true || : > $OUT/$SLURM_JOB_ID.failed`;
      const job = await site.submit(`${tell('start')}\n${step}\n${wait}`, { args: ['-N4'] });
      const login = await jobs.loginOf(job);
      await site.slurm.waitFor('the step has failed', async () => site.isTold(`${job}.failed`));
      expect(await site.read(`${job}.out`)).toContain(noRoom);
      // The agent lets the step fail first, and tells the broker then.
      await site.slurm.waitFor(
        'the broker is told',
        async () => (await records('run_undelivered', job)).length > 0,
      );
      expect(await records('run_undelivered', job)).toMatchObject([
        { outcome: 'failed', node: 'hpc/n3', reason: 'its agent gave up; only its tasks there fail' },
      ]);
      // Another job, of which the signer is told meanwhile, shows that it has had its chance.
      const other = await site.submit(holding, { args: ['-N2', '-w', 'n1,n3', '--comment=leasehold=vital'] });
      await site.slurm.waitFor(
        'the other is cancelled',
        async () => (await site.slurm.state(other)) === 'CA',
      );
      expect(await site.slurm.state(job)).toBe('R');
      expect(await jobs.canLogin(login)).toBe(true);
      await jobs.release(job);
      await jobs.expectOver([job, other], [login]);
      expect(await site.slurm.state(job)).toBe('CD');
      expect(await records('run_cancel', job)).toEqual([]);
    });
  });
});
