import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeWith } from '../support/require.ts';
import { holding, jobsOf, on, tell } from './slurm-jobs.ts';
import { type SlurmSite, startSlurmSite } from './slurm-site.ts';

let site: SlurmSite;
let jobs: ReturnType<typeof jobsOf>;

/** What breaks under a job: the agent, the broker, slurmd and slurmctld, one after the other. */
describeWith(['vault', 'postgres', 'slurm'], 'a Slurm job', () => {
  beforeAll(async () => {
    site = await startSlurmSite();
    jobs = jobsOf(site);
  }, 180_000);
  afterAll(async () => {
    // Undefined when it could not be started.
    await (site as SlurmSite | undefined)?.[Symbol.asyncDispose]();
  }, 60_000);
  beforeEach((context) => {
    context.onTestFailed(() => {
      process.stderr.write(`${site.outputs()}\n`);
    });
  });

  it('keeps its files and its login while the agent is killed and comes back', async () => {
    const job = await site.submit(`${holding}\n${tell('end')}`, on('n4'));
    const login = await jobs.loginOf(job, 'n4');
    await site.killAgent('n4');
    await site.startAgent('n4');
    await jobs.release(job);
    expect(await jobs.loginOf(job, 'n4', 'end')).toEqual(login);
    await jobs.expectOver([job], [login]);
  });

  it('keeps its files while the broker is away, ends meanwhile, and its login goes when the broker is back', async () => {
    const job = await site.submit(`${holding}\n${tell('end')}`, on('n4'));
    const login = await jobs.loginOf(job, 'n4');
    await site.stopBroker();
    await jobs.release(job);
    expect(await jobs.loginOf(job, 'n4', 'end')).toEqual(login);
    await site.slurm.waitFor('the files are gone', async () =>
      (await site.left()).every((name) => name.includes('/state/')),
    );
    await site.startBroker();
    await jobs.expectOver([job], [login]);
  });
});
