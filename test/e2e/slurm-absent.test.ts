import { expect, it } from 'vitest';
import { textAt } from '../support/json.ts';
import { describeWith } from '../support/require.ts';
import { holding, type jobsOf } from './slurm-jobs.ts';
import type { SlurmSite } from './slurm-site.ts';
import { useSlurmSite } from './slurm-suite.ts';

/** Of which a broker is killed in the middle, with time to spare on both sides. */
const absentAfterSeconds = 30;

let site: SlurmSite;
let jobs: ReturnType<typeof jobsOf>;

/** The agent of one of the nodes does not run; nobody says a word of that node. */
describeWith(['vault', 'postgres', 'slurm'], 'a job on four nodes, one of which has no agent', () => {
  useSlurmSite((...started) => ([site, jobs] = started), { absentAfterSeconds });

  const records = async (action: string, jobId: number) =>
    (await site.audit())
      .split('\n')
      .filter((line) => line.includes(`"${action}"`) && line.includes(`"${jobId}"`))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  /** Of a job that runs, `minutes:seconds`; 0 before it does. */
  const ranSeconds = async (jobId: number) => {
    const used = await site.slurm.command('squeue', '-h', '-j', String(jobId), '-O', 'TimeUsed');
    const [minutes = 0, seconds = 0] = used.trim().split(':').map(Number);
    return minutes * 60 + seconds;
  };
  const timeOf = (record: unknown) => Date.parse(textAt(record, 'at'));
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

  it('is given the whole time again when the broker was killed in the middle of it', async () => {
    await using stack = new AsyncDisposableStack();
    stack.use(await withoutAgent());
    const job = await site.submit(holding, { args: ['-N4', '--comment=leasehold=vital'] });
    const login = await jobs.loginOf(job);
    await site.slurm.waitFor('a part of the time to pass', async () => (await ranSeconds(job)) >= 12);
    await site.killBroker();
    expect(await records('run_undelivered', job)).toEqual([]);
    await site.startBroker();
    await site.slurm.waitFor('it is cancelled', async () => (await site.slurm.state(job)) === 'CA');
    const undelivered = await records('run_undelivered', job);
    expect(undelivered).toMatchObject([{ node: 'hpc/n3', code: 'node_absent' }]);
    const [started] = (await site.audit())
      .split('\n')
      .filter((line) => line.includes('"action":"start"'))
      .map((line) => timeOf(JSON.parse(line)))
      .slice(-1);
    expect(timeOf(undelivered[0]) - (started ?? Infinity)).toBeGreaterThanOrEqual(absentAfterSeconds * 1000);
    await jobs.expectOver([job], [login]);
  });

  it('is not, with all of its agents, however long it runs', async () => {
    const job = await site.submit(holding, { args: ['-N4', '--comment=leasehold=vital'] });
    const login = await jobs.loginOf(job);
    await site.slurm.waitFor(
      'it has run for longer than a node is waited for',
      async () => (await ranSeconds(job)) > absentAfterSeconds + 5,
    );
    expect(await records('run_undelivered', job)).toEqual([]);
    await jobs.release(job);
    await jobs.expectOver([job], [login]);
    expect(await site.slurm.state(job)).toBe('CD');
  });
});
