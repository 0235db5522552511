import { expect, it } from 'vitest';
import { describeWith } from '../support/require.ts';
import { holding, type jobsOf } from './slurm-jobs.ts';
import type { SlurmSite } from './slurm-site.ts';
import { useSlurmSite } from './slurm-suite.ts';

let site: SlurmSite;
let jobs: ReturnType<typeof jobsOf>;

/** The agent of one of the nodes does not run; nobody says a word of that node. */
describeWith(['vault', 'postgres', 'slurm'], 'a job on four nodes, one of which has no agent', () => {
  useSlurmSite((...started) => ([site, jobs] = started), { absentAfterSeconds: 20 });

  const records = async (action: string, jobId: number) =>
    (await site.audit())
      .split('\n')
      .filter((line) => line.includes(`"${action}"`) && line.includes(`"${jobId}"`))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const withoutAgent = async (): Promise<AsyncDisposable> => {
    await site.killAgent('n3');
    return { [Symbol.asyncDispose]: () => site.startAgent('n3') };
  };

  it('goes on where no bundle says otherwise, and is cancelled through the controller where one does', async () => {
    let others: readonly number[];
    {
      await using stack = new AsyncDisposableStack();
      stack.use(await withoutAgent());
      // Long enough before the others: what they are cancelled for does not happen to it.
      const kept = await site.submit(holding, { args: ['-N4'] });
      const keptLogin = await jobs.loginOf(kept);
      const vital = ['--comment=leasehold=vital'];
      const whole = await site.submit(holding, { args: ['-N4', ...vital] });
      // n3 is none of its nodes.
      const elsewhere = await site.submit(holding, { args: ['-N2', '-w', 'n1,n2', ...vital] });
      const logins = [await jobs.loginOf(whole), await jobs.loginOf(elsewhere)];
      await site.slurm.waitFor('it is cancelled', async () => (await site.slurm.state(whole)) === 'CA');
      expect(await records('run_undelivered', whole)).toMatchObject([
        {
          outcome: 'failed',
          node: 'hpc/n3',
          code: 'node_absent',
          reason: 'no agent of the node has asked; the job is to be cancelled',
        },
      ]);
      await site.slurm.waitFor(
        'the broker is told',
        async () => (await records('run_cancel', whole)).length > 0,
      );
      others = [kept, elsewhere];
      for (const job of others) {
        expect(await site.slurm.state(job)).toBe('R');
        expect(await records('run_undelivered', job)).toEqual([]);
        await jobs.release(job);
      }
      await jobs.expectOver([whole, ...others], [keptLogin, ...logins]);
    }
    for (const job of others) expect(await site.slurm.state(job)).toBe('CD');
  });

  it('is not, with all of its agents, however long it runs', async () => {
    const job = await site.submit(holding, { args: ['-N4', '--comment=leasehold=vital'] });
    const login = await jobs.loginOf(job);
    const ran = async () =>
      (await site.slurm.command('squeue', '-h', '-j', String(job), '-O', 'TimeUsed')).trim();
    await site.slurm.waitFor('it has run for longer than a node is waited for', async () =>
      /^0:(2[6-9]|[3-5]\d)$/.test(await ran()),
    );
    expect(await records('run_undelivered', job)).toEqual([]);
    await jobs.release(job);
    await jobs.expectOver([job], [login]);
    expect(await site.slurm.state(job)).toBe('CD');
  });
});
