import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { type Node, nodes, type SlurmSite, startSlurmSite } from '../test/e2e/slurm-site.ts';
import { missingReasons } from '../test/support/require.ts';
import { type Benchmark, type BenchResult, percentile } from './lib/result.ts';

const goalMs = 5_000;
const lookMs = 10;
const longestMs = 180_000;

/** A job that runs, the node it runs on, and the login that it was lent. */
interface Running {
  readonly job: number;
  readonly node: Node;
  readonly username: string;
}

/**
 * From the moment in which the epilog of a job's last node has wiped, or the controller has given its node up, to the absence of its login from
 * PostgreSQL, where Vault has revoked it: for jobs that are cancelled, meet their time limit, are put back, and lose their node.
 */
export const slurmEnds: Benchmark = async ({ quick, say }) => {
  const lacking = (['slurm', 'vault', 'postgres'] as const).flatMap(missingReasons);
  if (lacking.length > 0) {
    say(`left out: ${lacking.join('; ')}`);
    return [];
  }
  const rounds = quick ? 1 : 4;
  await using site = await startSlurmSite();
  const control = (...args: readonly string[]) => site.slurm.command('scontrol', ...args);
  const results: BenchResult[] = [];
  const report = (kind: string, tookMs: readonly number[]) => {
    const p99 = percentile(tookMs, 0.99);
    const goal = { text: `at most 5 s, of ${tookMs.length}`, met: p99 <= goalMs };
    results.push({ figure: `slurm_ends.${kind}_p99`, value: p99, unit: 'ms', goal });
  };

  say('jobs that meet their time limit, meanwhile');
  const limited = await startAll(site, ['--time=1']);
  const limitedMs = Promise.all(limited.map((running) => fromWiped(site, running)));
  // Looked at when all else is over.
  limitedMs.catch(() => undefined);
  for (const kind of ['scancel', 'requeue'] as const) {
    say(`${rounds * nodes.length} jobs, ${kind}`);
    const tookMs: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const running = await startAll(site, ['--requeue']);
      const gone = running.map((one) => fromWiped(site, one));
      for (const { job } of running)
        if (kind === 'scancel') await site.slurm.command('scancel', String(job));
        else await control('requeuehold', String(job));
      tookMs.push(...(await Promise.all(gone)));
      for (const { job } of running) await site.slurm.command('scancel', String(job));
    }
    report(kind, tookMs);
  }
  report('time_limit', await limitedMs);

  say(`${rounds * nodes.length} jobs that lose their node`);
  const tookMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const { node, username } of await startAll(site, ['--no-requeue'])) {
      await site.slurm.killNode(node);
      await site.killAgent(node);
      const lostAt = performance.now();
      await control('update', `nodename=${node}`, 'state=down', 'reason=benchmark');
      await until(async () => !(await site.parts.roleExists(username)));
      tookMs.push(performance.now() - lostAt);
      await site.startAgent(node);
      await site.slurm.startNode(node);
      // Refused where slurmd has registered again by itself.
      await control('update', `nodename=${node}`, 'state=resume').catch(() => '');
    }
    await site.slurm.waitFor('the nodes are back', async () =>
      (await site.slurm.nodeStates()).every((state) => /^(IDLE|MIXED|ALLOCATED)$/.test(state)),
    );
  }
  report('node_lost', tookMs);
  return results;
};

/** One job on each node, each with its login. */
async function startAll(site: SlurmSite, args: readonly string[]): Promise<readonly Running[]> {
  return Promise.all(
    nodes.map(async (node) => {
      const job = await site.submit(
        'cp $LEASEHOLD_DIR/app/username $OUT/$SLURM_JOB_ID.new; mv $OUT/$SLURM_JOB_ID.new $OUT/$SLURM_JOB_ID.name; exec sleep 600',
        { args: [`--nodelist=${node}`, ...args] },
      );
      let username = '';
      await until(async () => (username = await site.read(`${job}.name`)) !== '');
      return { job, node, username };
    }),
  );
}

async function fromWiped(site: SlurmSite, { job, node, username }: Running): Promise<number> {
  const isWiped = async () => !(await readdir(site.runsOn(node))).some((run) => run.startsWith(`${job}-`));
  await until(isWiped);
  const wipedAt = performance.now();
  await until(async () => !(await site.parts.roleExists(username)));
  return performance.now() - wipedAt;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + longestMs;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error('it does not come to that');
    await delay(lookMs);
  }
}
