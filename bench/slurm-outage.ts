import { setTimeout as delay } from 'node:timers/promises';
import { startSlurmSite } from '../test/e2e/slurm-site.ts';
import { missingReasons } from '../test/support/require.ts';
import type { Benchmark } from './lib/result.ts';

/** Every other job needs a login; the rest need nothing and must not notice. */
const partitions = ['gpu', 'cpu'] as const;

/**
 * The broker is stopped while jobs pass through: those that need credentials are held and released when it is back, the others run, on nodes that
 * start what no broker told them of (`prolog.unserved: start`). Counts what was lost, and nodes that were drained.
 */
export const slurmOutage: Benchmark = async ({ quick, full, say }) => {
  const lacking = (['slurm', 'vault', 'postgres'] as const).flatMap(missingReasons);
  if (lacking.length > 0) {
    say(`left out: ${lacking.join('; ')}`);
    return [];
  }
  const jobs = quick ? 40 : 200;
  const seconds = full ? 600 : quick ? 20 : 60;
  await using site = await startSlurmSite({ prolog: { unserved: 'start' } });
  const { slurm } = site;
  const queue = async (format: string) =>
    (await slurm.command('squeue', '-h', '-t', 'all', '-o', format))
      .split('\n')
      .filter((line) => line !== '');
  // What the signer holds a job for, it has from the broker: it reports every other second.
  await delay(3_000);
  say(`the broker is stopped for ${seconds} s, ${jobs} jobs pass through`);
  await site.stopBroker();
  const stoppedAt = performance.now();
  const ids: { readonly job: number; readonly needs: boolean }[] = [];
  for (let index = 0; index < jobs; index += 1) {
    const partition = partitions[index % 2] ?? 'cpu';
    const job = await site.submit(
      'sleep 1; echo "$(cat $LEASEHOLD_DIR/app/username 2>&1)" > $OUT/$SLURM_JOB_ID.new; mv $OUT/$SLURM_JOB_ID.new $OUT/$SLURM_JOB_ID.over',
      { args: ['-n1', `--partition=${partition}`] },
    );
    ids.push({ job, needs: partition === 'gpu' });
    const dueAt = stoppedAt + ((seconds * 1000) / jobs) * (index + 1) * 0.8;
    await delay(Math.max(0, dueAt - performance.now()));
  }
  await delay(Math.max(0, stoppedAt + seconds * 1000 - performance.now()));
  const heldThen = (await queue('%r')).filter((reason) => /held/i.test(reason)).length;
  say(`the broker is back, ${heldThen} jobs are held`);
  await site.startBroker();
  const backAt = performance.now();
  const isOver = async ({ job, needs }: { readonly job: number; readonly needs: boolean }) =>
    needs ? /^v-/m.test(await site.read(`${job}.over`)) : (await site.read(`${job}.over`)) !== '';
  const missing = async () => {
    const over = await Promise.all(ids.map(isOver));
    return over.filter((one) => !one).length;
  };
  await slurm
    .waitFor('all jobs are over', async () => (await missing()) === 0, 120)
    .catch((error: unknown) => say(String(error)));
  const [lost, drained, held] = [
    await missing(),
    (await slurm.nodeStates()).filter((state) => /DRAIN|DOWN|FAIL/.test(state)).length,
    (await queue('%r')).filter((reason) => /held/i.test(reason)).length,
  ];
  const none = (value: number) => ({ text: 'none', met: value === 0 });
  return [
    { figure: 'slurm_outage.jobs_held_meanwhile', value: heldThen, unit: '' },
    { figure: 'slurm_outage.nodes_drained', value: drained, unit: '', goal: none(drained) },
    { figure: 'slurm_outage.jobs_lost', value: lost, unit: '', goal: none(lost) },
    { figure: 'slurm_outage.jobs_still_held', value: held, unit: '', goal: none(held) },
    { figure: 'slurm_outage.all_over_after', value: (performance.now() - backAt) / 1000, unit: 's' },
  ];
};
