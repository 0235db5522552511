import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type SlurmSite, startSlurmSite } from '../test/e2e/slurm-site.ts';
import { vaultPaths } from '../test/support/parts/vault-with-postgres.ts';
import { type SlurmCluster, startSlurm } from '../test/support/parts/slurm.ts';
import { missingReasons } from '../test/support/require.ts';
import { type Benchmark, type BenchResult, percentile } from './lib/result.ts';

const peers = {
  bare: 'no hooks',
  empty: 'hooks that do nothing',
  ours: 'Leasehold',
  ungranted: 'Leasehold, nothing granted',
  own: 'scripts that ask Vault',
} as const;
const hooks = ['PrologSlurmctld', 'EpilogSlurmctld', 'Prolog', 'Epilog', 'TaskProlog'] as const;

/**
 * What the hooks add to a job's start, and take of the throughput of one-task jobs, each with a database login from a real Vault, and of jobs that
 * nothing is granted to: beside the same jobs on the same four nodes without hooks, with hooks that do nothing, and with a script that asks Vault for a
 * login of its own and gives it back. The start is from the controller's decision, when the first hook begins, to the first line of the script: the wait
 * for that decision is up to a second of Slurm's rhythm, whatever the hooks. A start waits for synced writes, and disks stall: beside each stands what as
 * many of them take by themselves.
 *
 * All clusters run for the whole time and have their turns one after the other, several rounds of them: a Slurm has a rhythm of its own, and so has
 * whatever else is on the machine. A share of throughput is the median of those of the rounds.
 */
export const slurmJobs: Benchmark = async ({ quick, say }) => {
  const lacking = (['slurm', 'vault', 'postgres'] as const).flatMap(missingReasons);
  if (lacking.length > 0) {
    say(`left out: ${lacking.join('; ')}`);
    return [];
  }
  const counts = quick ? { starts: 8, jobs: 40, rounds: 1 } : { starts: 120, jobs: 200, rounds: 5 };
  await using site = await startSlurmSite({ reconcile: '60s' });
  await using bare = await startSlurm({});
  await using empty = await startSlurm({
    hooks: () => Object.fromEntries(hooks.map((name) => [name, 'exit 0'])),
  });
  const clusters = { bare, empty, ours: site.slurm };
  const startMs = { bare: [] as number[], empty: [] as number[], ours: [] as number[] };
  const diskMs: number[] = [];
  say(`${counts.starts} starts on each of the clusters`);
  // The first one finds nothing warm.
  for (let index = -1; index < counts.starts; index += 1) {
    for (const name of ['bare', 'empty', 'ours'] as const) {
      const took = await startOf(clusters[name]);
      if (index >= 0) startMs[name].push(took);
    }
    if (index >= 0) diskMs.push(await syncedWrites(join(site.slurm.folder, 'synced')));
  }
  const login = loginOf(site.parts.vault);
  await expectLogin(bare, login);
  const rounds: Round[] = [];
  for (let round = 1; round <= counts.rounds; round += 1) {
    say(`round ${round} of ${counts.rounds}: ${counts.jobs} jobs in each of five ways`);
    rounds.push({
      bare: await throughput(bare, counts.jobs, 'gpu'),
      ours: await throughput(site.slurm, counts.jobs, 'gpu').finally(() => untilGone(site)),
      ungranted: await throughput(site.slurm, counts.jobs, 'cpu'),
      empty: await throughput(empty, counts.jobs, 'gpu'),
      own: await throughput(bare, counts.jobs, 'gpu', login),
    });
  }
  const median = (value: (round: Round) => number) => percentile(rounds.map(value), 0.5);
  const added = (p: number, than: readonly number[]) => percentile(startMs.ours, p) - percentile(than, p);
  const start = (p: number) => ({
    value: percentile(startMs.ours, p),
    unit: 'ms',
    peer: { name: 'no hooks', value: percentile(startMs.bare, p) },
  });
  const perSecond = (figure: string, name: keyof Round, than: keyof Round = 'bare'): BenchResult => {
    const value = median((round) => round[name]);
    const share = median((round) => round[name] / round[than]);
    return {
      figure: `slurm_jobs.${figure}`,
      value,
      unit: '/s',
      peer: { name: peers[than], value: value / share },
      ...(name === 'empty' || than !== 'bare'
        ? {}
        : { goal: { text: 'at least 0.5 of no hooks', met: share >= 0.5 } }),
    };
  };
  return [
    { figure: 'slurm_jobs.start_p50', ...start(0.5) },
    { figure: 'slurm_jobs.start_p99', ...start(0.99) },
    {
      figure: 'slurm_jobs.start_p99_added',
      value: added(0.99, startMs.bare),
      unit: 'ms',
      goal: { text: 'at most 100 ms', met: added(0.99, startMs.bare) <= 100 },
    },
    { figure: 'slurm_jobs.disk_p99', value: percentile(diskMs, 0.99), unit: 'ms' },
    { figure: 'slurm_jobs.start_p50_added', value: added(0.5, startMs.bare), unit: 'ms' },
    { figure: 'slurm_jobs.start_p50_added_to_empty_hooks', value: added(0.5, startMs.empty), unit: 'ms' },
    perSecond('throughput', 'ours'),
    perSecond('throughput_beside_own_login', 'ours', 'own'),
    perSecond('throughput_nothing_granted', 'ungranted'),
    perSecond('throughput_empty_hooks', 'empty'),
  ];
};

/** Jobs per second. */
interface Round {
  readonly bare: number;
  readonly empty: number;
  readonly ours: number;
  readonly ungranted: number;
  readonly own: number;
}

async function startOf(slurm: SlurmCluster): Promise<number> {
  const job = await slurm.submit('date +%s%3N');
  let begunAt = 0;
  await slurm.waitFor(
    `job ${job} has run`,
    async () => (begunAt = Number(await slurm.read(`out/${job}.out`))) > 0,
  );
  await slurm.waitFor(`job ${job} is over`, () => isIdle(slurm));
  return begunAt - (await decidedAt(slurm, job));
}

/** As many as a start waits for, one after the other: six of the audit log, six of the ledger, one of the signer. Milliseconds. */
async function syncedWrites(path: string): Promise<number> {
  await using file = await open(path, 'a');
  const startedAt = performance.now();
  for (let index = 0; index < 13; index += 1) {
    await file.appendFile('a line of an audit log has some hundred bytes\n');
    await file.datasync();
  }
  return performance.now() - startedAt;
}

/** When the controller gave a job its nodes, by the log that it keeps. */
async function decidedAt(slurm: SlurmCluster, job: number): Promise<number> {
  const decided = new RegExp(`^\\[([^\\]]+)\\] sched.*(?:Allocate|Started) JobId=${job} `, 'm');
  const [, at = ''] = decided.exec(await slurm.read('log/slurmctld.log')) ?? [];
  if (at === '') throw new Error(`the controller does not say when it started job ${job}`);
  return Date.parse(at);
}

/**
 * A script with the least that a site can do without Leasehold: no proof of who asks, a token that every job may read, nothing rotated, nothing left to
 * take back.
 */
function loginOf({ address, rootToken }: SlurmSite['parts']['vault']): string {
  const ask = `curl -sS --fail -H 'X-Vault-Token: ${rootToken}' ${address}/v1`;
  return [
    'set -e',
    `login=$(${ask}/${vaultPaths.credentials})`,
    `lease=$(echo "$login" | sed 's/.*"lease_id":"\\([^"]*\\)".*/\\1/')`,
    `${ask}/sys/leases/revoke -X PUT -d "{\\"lease_id\\":\\"$lease\\",\\"sync\\":true}"`,
    'echo given back',
  ].join('\n');
}

async function expectLogin(slurm: SlurmCluster, script: string): Promise<void> {
  const job = await slurm.submit(script);
  await slurm.waitFor(`job ${job} is over`, () => isIdle(slurm));
  const said = await slurm.read(`out/${job}.out`);
  if (said !== 'given back\n') throw new Error(`a script that asks Vault said: ${said}`);
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
  // Its output is there when a script begins: no command of Slurm's is asked in vain meanwhile, which would cost as much as a hook.
  await slurm.waitFor(
    'all jobs have begun',
    async () => hasAll(await readdir(join(slurm.folder, 'out')), ids),
    300,
  );
  await slurm.waitFor('all jobs are over', () => isIdle(slurm));
  return jobs / ((performance.now() - releasedAt) / 1000);
}

/** Logins are given back after their jobs: no other round may have to wait for that. */
async function untilGone({ slurm, parts }: SlurmSite): Promise<void> {
  const leases = () => parts.vault.request('LIST', `sys/leases/lookup/${vaultPaths.credentials}`);
  await slurm.waitFor('no login is left', async () => (await leases()).status === 404);
}

function hasAll(names: readonly string[], ids: readonly number[]): boolean {
  const there = new Set(names);
  return ids.every((id) => there.has(`${id}.out`));
}

async function isIdle(slurm: SlurmCluster): Promise<boolean> {
  return (await slurm.command('squeue', '-h', '-o', '%i')).trim() === '';
}
