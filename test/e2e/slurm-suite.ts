import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { jobsOf } from './slurm-jobs.ts';
import { type SlurmSite, startSlurmSite } from './slurm-site.ts';

/** So long a login whose read was cut may live: its lease is nobody's, and ends by itself. */
const unreadSeconds = 90;

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
    if (site === undefined) return;
    await using ended = site;
    // Of all that the suite's jobs were given, whether or not a test has looked at it.
    const gone = async () => (await ended.parts.issuedUsers()).length === 0;
    await ended.slurm.waitFor('no login is left', gone, unreadSeconds).catch(() => undefined);
    expect([await ended.parts.issuedUsers(), await ended.left()]).toEqual([[], []]);
  });
  beforeEach((context) => {
    context.onTestFailed(() => {
      process.stderr.write(`${site?.outputs() ?? ''}\n`);
    });
  });
}
