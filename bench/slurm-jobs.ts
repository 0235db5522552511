import { startSlurmSite } from '../test/e2e/slurm-site.ts';
import { startVaultWithPostgres, vaultPaths } from '../test/support/parts/vault-with-postgres.ts';
import { type SlurmCluster, startSlurm } from '../test/support/parts/slurm.ts';
import { missingReasons } from '../test/support/require.ts';
import { type Benchmark, type BenchResult, percentile } from './lib/result.ts';

interface Measured {
  readonly startMs: readonly number[];
  readonly jobsPerSecond: number;
}

interface Counts {
  readonly starts: number;
  readonly jobs: number;
}

const hooks = ['PrologSlurmctld', 'EpilogSlurmctld', 'Prolog', 'Epilog', 'TaskProlog'] as const;

/**
 * What the hooks add to a job's start, and take of the throughput of one-task jobs, each with a database login from a real Vault, and of jobs that
 * nothing is granted to: beside the same jobs on the same four nodes without hooks, with hooks that do nothing, and with a script that asks Vault for a
 * login of its own and gives it back. The start is from the submission to the first line of the script.
 */
export const slurmJobs: Benchmark = async ({ quick, say }) => {
  const lacking = (['slurm', 'vault', 'postgres'] as const).flatMap(missingReasons);
  if (lacking.length > 0) {
    say(`left out: ${lacking.join('; ')}`);
    return [];
  }
  const counts = quick ? { starts: 8, jobs: 40 } : { starts: 30, jobs: 200 };
  const onSlurm = async (what: string, options: Parameters<typeof startSlurm>[0]) => {
    say(`${counts.starts} starts and ${counts.jobs} jobs, ${what}`);
    await using slurm = await startSlurm(options);
    return await measure(slurm, counts);
  };
  const bare = await onSlurm('no hooks', {});
  const empty = await onSlurm('hooks that do nothing', {
    hooks: () => Object.fromEntries(hooks.map((name) => [name, 'exit 0'])),
  });
  const own = await withOwnLogin(counts.jobs, say);
  say(`${counts.starts} starts and ${counts.jobs} jobs, Leasehold`);
  await using site = await startSlurmSite();
  const ours = await measure(site.slurm, counts);
  say(`${counts.jobs} jobs that are granted nothing, Leasehold`);
  const ungranted = await throughput(site.slurm, counts.jobs, 'cpu');
  const added = (p: number, than: Measured) => percentile(ours.startMs, p) - percentile(than.startMs, p);
  const perSecond = (value: number): Pick<BenchResult, 'value' | 'unit' | 'peer'> => ({
    value,
    unit: '/s',
    peer: { name: 'no hooks', value: bare.jobsPerSecond },
  });
  const goal = (value: number) => ({
    text: 'at least 0.5 of no hooks',
    met: value / bare.jobsPerSecond >= 0.5,
  });
  return [
    {
      figure: 'slurm_jobs.start_p50',
      value: percentile(ours.startMs, 0.5),
      unit: 'ms',
      peer: { name: 'no hooks', value: percentile(bare.startMs, 0.5) },
    },
    {
      figure: 'slurm_jobs.start_p99',
      value: percentile(ours.startMs, 0.99),
      unit: 'ms',
      peer: { name: 'no hooks', value: percentile(bare.startMs, 0.99) },
    },
    {
      figure: 'slurm_jobs.start_p99_added',
      value: added(0.99, bare),
      unit: 'ms',
      goal: { text: 'at most 100 ms', met: added(0.99, bare) <= 100 },
    },
    { figure: 'slurm_jobs.start_p50_added', value: added(0.5, bare), unit: 'ms' },
    { figure: 'slurm_jobs.start_p50_added_to_empty_hooks', value: added(0.5, empty), unit: 'ms' },
    {
      figure: 'slurm_jobs.throughput',
      ...perSecond(ours.jobsPerSecond),
      goal: goal(ours.jobsPerSecond),
    },
    {
      figure: 'slurm_jobs.throughput_beside_own_login',
      value: ours.jobsPerSecond,
      unit: '/s',
      peer: { name: 'scripts that ask Vault', value: own },
    },
    {
      figure: 'slurm_jobs.throughput_nothing_granted',
      ...perSecond(ungranted),
      goal: goal(ungranted),
    },
    { figure: 'slurm_jobs.throughput_empty_hooks', ...perSecond(empty.jobsPerSecond) },
  ];
};

async function measure(slurm: SlurmCluster, { starts, jobs }: Counts): Promise<Measured> {
  const startMs: number[] = [];
  // The first one finds nothing warm.
  for (let index = 0; index <= starts; index += 1) {
    const submittedAt = Date.now();
    const job = await slurm.submit('date +%s%3N');
    let startedAt = 0;
    await slurm.waitFor(
      `job ${job} has run`,
      async () => (startedAt = Number(await slurm.read(`out/${job}.out`))) > 0,
    );
    await slurm.waitFor(`job ${job} is over`, () => isIdle(slurm));
    if (index > 0) startMs.push(startedAt - submittedAt);
  }
  return { startMs, jobsPerSecond: await throughput(slurm, jobs, 'gpu') };
}

/** With the least that a site can do without Leasehold: no proof of who asks, a token that every job may read, nothing rotated, nothing left to take back. */
async function withOwnLogin(jobs: number, say: (text: string) => void): Promise<number> {
  await using parts = await startVaultWithPostgres();
  await using slurm = await startSlurm({});
  say(`${jobs} jobs, no hooks, a login by the script itself`);
  const { address, rootToken } = parts.vault;
  const ask = `curl -sS --fail -H 'X-Vault-Token: ${rootToken}' ${address}/v1`;
  const script = [
    'set -e',
    `login=$(${ask}/${vaultPaths.credentials})`,
    `lease=$(echo "$login" | sed 's/.*"lease_id":"\\([^"]*\\)".*/\\1/')`,
    `${ask}/sys/leases/revoke -X PUT -d "{\\"lease_id\\":\\"$lease\\",\\"sync\\":true}"`,
    'echo given back',
  ].join('\n');
  const perSecond = await throughput(slurm, jobs, 'gpu', script);
  const last = await slurm.submit(script);
  await slurm.waitFor(`job ${last} is over`, () => isIdle(slurm));
  const said = await slurm.read(`out/${last}.out`);
  if (said !== 'given back\n') throw new Error(`a script that asks Vault said: ${said}`);
  return perSecond;
}

async function throughput(
  slurm: SlurmCluster,
  jobs: number,
  partition: string,
  script = 'true',
): Promise<number> {
  const ids: number[] = [];
  for (let index = 0; index < jobs; index += 1)
    ids.push(await slurm.submit(script, { args: ['-n1', '--hold', `--partition=${partition}`] }));
  const releasedAt = performance.now();
  await slurm.command('scontrol', 'release', ids.join(','));
  await slurm.waitFor('all jobs are over', () => isIdle(slurm), 300);
  return jobs / ((performance.now() - releasedAt) / 1000);
}

async function isIdle(slurm: SlurmCluster): Promise<boolean> {
  return (await slurm.command('squeue', '-h', '-o', '%i')).trim() === '';
}
