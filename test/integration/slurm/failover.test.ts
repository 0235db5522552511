import { mkdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith } from '../../support/require.ts';
import { type SignerSite, startSignerSite } from './signer-site.ts';

describeWith(['slurm'], 'a pair of controllers', () => {
  let site: SignerSite;

  beforeAll(async () => {
    site = await startSignerSite({ nodes: 3, hasBackup: true });
  });
  afterAll(async () => {
    await (site as SignerSite | undefined)?.[Symbol.asyncDispose]();
  });

  it('loses no run and no held job when one of them goes down for good, with its signer', async () => {
    const { slurm } = site;
    const running = await slurm.submit('echo started\nsleep 300');
    // Not only registered: one that is still being configured is started anew by the other controller, as a run of its own.
    await slurm.waitFor('it runs', async () => (await slurm.read(`out/${running}.out`)).includes('started'));
    const before = await site.ofJob(running);
    await site.hasMatchers();
    site.way.close(true);
    const held = await slurm.submit('sleep 1');
    await slurm.waitFor('it is held', async () =>
      (await slurm.command('squeue', '-h', '-t', 'PD', '-o', '%A %r')).includes(
        `${held} job requeued in held`,
      ),
    );

    await site.kill();
    await slurm.failOver();
    site.way.close(false);
    // The other host's own signer: the same keys, and a state of its own.
    await mkdir(site.at('other-state'), { mode: 0o700 });
    await site.restart({ yaml: { state: site.at('other-state') } });

    await site.isOver(held);
    expect(await site.records('run_register', held)).not.toEqual([]);
    expect((await site.ofJob(running))?.identity.workload).toBe(before?.identity.workload);
    const next = await slurm.submit('sleep 1');
    await site.isOver(next);
    expect(await site.records('run_register', next)).toHaveLength(1);
    await slurm.command('scancel', String(running));
    await site.isOver(running);
    await slurm.waitFor('all nodes are free', async () =>
      (await slurm.nodeStates()).every((state) => state.startsWith('IDLE')),
    );
  });
});
