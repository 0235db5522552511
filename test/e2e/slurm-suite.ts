import { afterAll, beforeAll, beforeEach } from 'vitest';
import { jobsOf } from './slurm-jobs.ts';
import { type SlurmSite, startSlurmSite } from './slurm-site.ts';

/** One site for the tests of the suite that calls this; what its parts have written stands beside the failure of a test. */
export function useSlurmSite(
  began: (site: SlurmSite, jobs: ReturnType<typeof jobsOf>) => void,
  options?: Parameters<typeof startSlurmSite>[0],
): void {
  let site: SlurmSite | undefined;
  beforeAll(async () => {
    site = await startSlurmSite(options);
    began(site, jobsOf(site));
  });
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]();
  });
  beforeEach((context) => {
    context.onTestFailed(() => {
      process.stderr.write(`${site?.outputs() ?? ''}\n`);
    });
  });
}
