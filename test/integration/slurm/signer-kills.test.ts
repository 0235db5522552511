import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { rm, writeFile } from 'node:fs/promises';
import { describeWith } from '../../support/require.ts';
import type { SlurmCluster } from '../../support/parts/slurm.ts';
import type { Direction } from '../../support/switch.ts';
import { type SignerSite, startSignerSite } from './signer-site.ts';

/** Compared with the broker when it starts, and not again: every call that is under way is a hook's. */
describeWith(['slurm'], 'a signer that is killed in the middle and comes back', () => {
  let site: SignerSite;
  let slurm: SlurmCluster;

  beforeAll(async () => {
    site = await startSignerSite({
      nodes: 2,
      // On a busy machine a program may take long to start.
      hookFlags: '--timeout 150 --away 120',
      yaml: (folder) => ({
        reconcile: '1h',
        outage: { giveUp: '20s' },
        slurm: { conf: `${folder}/slurm.conf`, squeue: `${folder}/squeue` },
      }),
    });
    ({ slurm } = site);
    await writeFile(
      site.at('squeue'),
      `#!/bin/sh
echo asked >>"${site.at('out/squeue')}"
while [ -e "${site.at('out/mute')}" ]; do /bin/sleep 0.1; done
/usr/bin/squeue "$@" || exit 1
echo "answered $*" >>"${site.at('out/squeue')}"
`,
      { mode: 0o755 },
    );
    await restart();
  });
  beforeEach(async (context) => {
    context.onTestFailed(async () => {
      const said = await Promise.all(
        ['out/register', 'out/register.err', 'out/end.err', 'out/squeue', 'signer.log'].map((name) =>
          slurm.read(name),
        ),
      );
      process.stderr.write(`${said.join('\n')}\n`);
    });
    site.way.block(undefined);
    await slurm.waitFor('the comparison is over', hasCompared);
  });
  afterAll(async () => {
    await (site as SignerSite | undefined)?.[Symbol.asyncDispose]();
  });

  const squeueSaid = async (what: RegExp) => ((await slurm.read('out/squeue')).match(what) ?? []).length;
  // What is held is the last that a comparison asks for, and nothing is said to the broker after that.
  const comparisons = () => squeueSaid(/^answered .*admin_comment/gm);
  let hasCompared = () => Promise.resolve(false);
  /** Its first comparison may still be under way when this resolves: a call that it makes is no hook's. */
  const restart = async () => {
    const before = await comparisons();
    hasCompared = async () => (await comparisons()) > before;
    await site.restart();
  };
  const runsOf = async (action: string, jobId: number) =>
    new Set((await site.records(action, jobId)).map((line) => /run\/hpc\/\d+\/\d+/.exec(line)?.[0]));
  const expectOneRun = async (jobId: number) => {
    await slurm.waitFor('it runs', async () => (await slurm.state(jobId)) === 'R');
    expect(await site.ofJob(jobId)).toMatchObject({ state: 'active', bundles: ['db'] });
    expect((await runsOf('run_register', jobId)).size).toBe(1);
    expect(await slurm.read('out/register')).toMatch(new RegExp(`^0 ${jobId} 0 `, 'm'));
    await slurm.command('scancel', String(jobId));
    await site.isOver(jobId);
    await slurm.isIdle();
  };

  it('before it has heard from Slurm registers the run once', async () => {
    await writeFile(site.at('out/mute'), '');
    const before = await squeueSaid(/^asked/gm);
    const id = await slurm.submit('sleep 300');
    await slurm.waitFor('Slurm is asked', async () => (await squeueSaid(/^asked/gm)) > before);
    await site.kill();
    await rm(site.at('out/mute'));
    await restart();
    await expectOneRun(id);
  });

  it.for([
    ['before the broker has its request', 'requests'],
    ['before it has the answer of the broker', 'answers'],
  ] as const)('%s registers the run once', async ([, direction]) => {
    site.way.block(direction);
    const id = await slurm.submit('sleep 300');
    await reached(id, direction);
    await site.kill();
    site.way.block(undefined);
    await restart();
    await expectOneRun(id);
  });

  /** The request waits, or the broker has done what it says and the answer waits. */
  async function reached(id: number, direction: Direction): Promise<void> {
    await slurm.waitFor('the request waits', async () => site.way.isWaitedFor());
    if (direction === 'answers')
      await slurm.waitFor('the broker has registered', async () => (await site.ofJob(id)) !== undefined);
  }

  it.for(['requests', 'answers'] as const)(
    'ends the run of a job that is cancelled while %s wait',
    async (direction) => {
      const id = await slurm.submit('sleep 300');
      await slurm.waitFor('it runs', async () => (await slurm.state(id)) === 'R');
      site.way.block(direction);
      await slurm.command('scancel', String(id));
      await slurm.waitFor('the request waits', async () => site.way.isWaitedFor());
      if (direction === 'answers')
        await slurm.waitFor('the broker ends it', async () => (await site.ofJob(id))?.state !== 'active');
      await site.kill();
      site.way.block(undefined);
      await restart();
      await site.isOver(id);
      await slurm.waitFor('its hook has ended', async () =>
        (await slurm.read('out/end')).includes(`0 ${id} `),
      );
      expect((await runsOf('run_end', id)).size).toBe(1);
    },
  );
});
