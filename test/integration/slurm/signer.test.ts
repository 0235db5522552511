import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeWith } from '../../support/require.ts';
import { cluster, type SlurmBroker } from '../../support/slurm-broker.ts';
import type { SlurmCluster } from '../../support/parts/slurm.ts';
import { giveUp, type SignerSite, startSignerSite } from './signer-site.ts';

describeWith(['slurm'], 'signer with a real Slurm and a real broker', () => {
  let site: SignerSite;
  let slurm: SlurmCluster;
  let broker: SlurmBroker;

  const loseBroker = async () => {
    // Without any matchers it holds nothing.
    await site.hasMatchers();
    site.way.close(true);
  };
  /** Task and state of each task of an array. */
  const tasks = async (jobId: number) =>
    (await slurm.command('squeue', '-h', '-r', '-t', 'all', '-j', String(jobId), '-o', '%K %t'))
      .trim()
      .split('\n')
      .sort();

  beforeAll(async () => {
    site = await startSignerSite();
    ({ slurm, broker } = site);
  });
  beforeEach(() => {
    site.way.close(false);
    site.way.block(undefined);
  });
  afterAll(async () => {
    // Undefined when it could not be started.
    await (site as SignerSite | undefined)?.[Symbol.asyncDispose]();
  });

  it('registers a run before it starts, with the facts that the controller has, and ends it with the job', async () => {
    const id = await slurm.submit(site.lastsUntil('seen'), {
      args: ['-N4', '-J', 'x\nUserId=root(0) JobId=1', '--comment=leasehold=nonsense', '-t', '5'],
    });
    await slurm.waitFor('it runs', async () => (await slurm.state(id)) === 'R');
    const run = await site.ofJob(id);
    expect(run).toMatchObject({
      state: 'active',
      restarts: 0,
      bundles: ['db'],
      identity: { user: 'games', uid: 5, partition: 'gpu', nodes: ['n1', 'n2', 'n3', 'n4'], account: '' },
    });
    await site.release('seen');
    await site.isOver(id);
    await slurm.isIdle();
  });

  it('ends the right run of a job that is put back, and registers the next one', async () => {
    const id = await slurm.submit('sleep 300', { args: ['--requeue'] });
    await slurm.waitFor('it runs', async () => (await slurm.state(id)) === 'R');
    const first = await site.ofJob(id);
    await slurm.command('scontrol', 'requeue', String(id));
    await slurm.waitFor('the second run is registered', async () => {
      const now = await site.ofJob(id);
      return now?.state === 'active' && now.identity.workload !== first?.identity.workload;
    });
    expect((await site.ofJob(id))?.restarts).toBe(1);
    await slurm.command('scancel', String(id));
    await site.isOver(id);
  });

  it('makes a run of each array task and of each component', async () => {
    const array = await slurm.submit(site.lastsUntil('registered'), { args: ['--array=0-1'] });
    await slurm.waitFor('both tasks are registered', async () => {
      const runs = await broker.ledger.listRuns({ cluster });
      return runs.filter(({ identity }) => identity.array?.jobId === array).length === 2;
    });
    const het = await slurm.submit(site.lastsUntil('registered'), { args: ['-n1', ':', '-n1'] });
    await slurm.waitFor('both components are registered', async () => {
      const runs = await broker.ledger.listRuns({ cluster });
      return new Set(runs.flatMap(({ identity }) => identity.het?.offset ?? [])).size === 2;
    });
    await site.release('registered');
    await site.isOver(array);
    await site.isOver(het);
  });

  it('registers the same run once when slurmctld is killed in the middle of its hook', async () => {
    await writeFile(join(slurm.folder, 'out/slow'), '');
    const id = await slurm.submit('sleep 2', { args: ['-J', 'mid-hook'] });
    await slurm.waitFor('the hook runs', async () => (await slurm.state(id)) === 'CF');
    // The controller writes its jobs down every few seconds; one that is killed before has forgotten the job.
    await slurm.waitFor('the job is on record', async () =>
      (await slurm.read('state/job_state')).includes('mid-hook'),
    );
    await slurm.restartController();
    await rm(join(slurm.folder, 'out/slow'));
    await slurm.waitFor('it is registered', async () => (await site.records('run_register', id)).length > 0);
    await site.isOver(id);
    expect(
      new Set((await site.records('run_register', id)).map((line) => /run\/hpc\/\d+\/\d+/.exec(line)?.[0]))
        .size,
    ).toBe(1);
  });

  it('ends the right run after it was killed and started again', async () => {
    const id = await slurm.submit('sleep 300');
    await slurm.waitFor('it runs', async () => (await slurm.state(id)) === 'R');
    await site.restart({ signal: 'SIGKILL' });
    await slurm.command('scancel', String(id));
    await site.isOver(id);
  });

  it('holds jobs that need secrets while the broker is away, leaves others alone, and releases all', async () => {
    await loseBroker();
    const needy = await Promise.all(Array.from({ length: 10 }, () => slurm.submit('sleep 0')));
    const other = await slurm.submit('sleep 0', { args: ['-p', 'cpu'] });
    const sticky = await slurm.submit('sleep 0', { args: ['--no-requeue'] });
    await slurm.waitFor('all ten are held', async () => {
      const text = `\n${await slurm.command('squeue', '-h', '-t', 'PD', '-o', '%A %r')}`;
      return needy.every((id) => text.includes(`\n${id} job requeued in held state`));
    });
    expect(await slurm.command('squeue', '-h', '-j', String(needy[0]), '-O', 'admin_comment:120')).toMatch(
      /^leasehold: held/,
    );
    await site.isOver(other);
    await slurm.waitFor(
      'the one that cannot be held has run',
      async () => (await slurm.state(sticky)) === 'CD',
    );
    site.way.close(false);
    await slurm.waitFor('all ten have run', async () => {
      const states = await Promise.all(needy.map((id) => slurm.state(id)));
      return states.every((state) => state === 'CD' || state === undefined);
    });
    await site.holdsNothing();
    await slurm.isIdle();
    // Nothing the hooks met made them fail.
    expect(
      (await slurm.read('out/register')).split('\n').filter((line) => line !== '' && !line.startsWith('0 ')),
    ).toEqual([]);
  });

  it('holds the one task of an array that starts while the broker is away, and no task that runs', async () => {
    // Three nodes are taken, so that the first task has the fourth and the other one must wait.
    const blocker = await slurm.submit('sleep 300', { args: ['-p', 'cpu', '-N3', '--exclusive'] });
    await slurm.waitFor('three nodes are taken', async () => (await slurm.state(blocker)) === 'R');
    const array = await slurm.submit(
      `echo "$SLURM_ARRAY_TASK_ID" >>${slurm.folder}/out/array\n${site.lastsUntil('held')}`,
      {
        args: ['--array=0-1', '-N1', '--exclusive', '--requeue'],
      },
    );
    await slurm.waitFor('the first task runs', async () => (await tasks(array)).includes('0 R'));
    await loseBroker();
    await slurm.command('scancel', String(blocker));
    await slurm.waitFor('the other task is held', async () =>
      (await slurm.command('squeue', '-h', '-r', '-j', String(array), '-o', '%K %r')).includes(
        '1 job requeued in held state',
      ),
    );
    // It is completing until its node is free again.
    await slurm.waitFor('it waits', async () => (await tasks(array)).includes('1 PD'));
    expect(await tasks(array)).toEqual(['0 R', '1 PD']);
    await site.release('held');
    site.way.close(false);
    await site.isOver(array);
    expect((await slurm.read('out/array')).split('\n').sort()).toEqual(['', '0', '1']);
  });

  it('holds a heterogeneous job as one, and releases it', async () => {
    await loseBroker();
    const het = await slurm.submit(`echo "$SLURM_JOB_ID" >>${slurm.folder}/out/het`, {
      args: ['-n1', '--requeue', ':', '-n1'],
    });
    await slurm.waitFor('it is held', async () =>
      (await slurm.command('squeue', '-h', '-j', String(het), '-o', '%r')).includes('in held state'),
    );
    site.way.close(false);
    await slurm.waitFor('it has run', async () => (await slurm.read('out/het')) === `${het}\n`);
    await site.isOver(het);
    await site.holdsNothing();
  });

  it('forgets no held job while the controller is away', async () => {
    await loseBroker();
    const id = await slurm.submit('sleep 0', { args: ['--requeue'] });
    await slurm.waitFor('it is held', async () =>
      (await slurm.command('squeue', '-h', '-j', String(id), '-o', '%r')).includes('in held state'),
    );
    // In order: one that is killed may have forgotten that it holds the job.
    await slurm.restartController({
      signal: 'SIGTERM',
      meanwhile: async () => {
        site.way.close(false);
        const from = (await slurm.read('signer.log')).length;
        await slurm.waitFor('the signer has asked in vain', async () =>
          (await slurm.read('signer.log')).slice(from).includes('a command of the scheduler has failed'),
        );
        expect(JSON.parse(await slurm.read('signer-state/held.json'))).toEqual([String(id)]);
      },
    });
    await slurm.waitFor('it has run', async () => (await slurm.state(id)) === 'CD');
  });

  it('cancels what cannot be held where the site says so, and no other task of its array', async () => {
    await site.restart({ yaml: { outage: { giveUp, unheld: 'cancel' } } });
    const blocker = await slurm.submit('sleep 300', { args: ['-p', 'cpu', '-N3', '--exclusive'] });
    await slurm.waitFor('three nodes are taken', async () => (await slurm.state(blocker)) === 'R');
    const array = await slurm.submit('sleep 300', {
      args: ['--array=0-1', '-N1', '--exclusive', '--no-requeue'],
    });
    await slurm.waitFor('the first task runs', async () => (await tasks(array)).includes('0 R'));
    await loseBroker();
    await slurm.command('scancel', String(blocker));
    await slurm.waitFor('the other task is cancelled', async () => (await tasks(array)).includes('1 CA'));
    expect(await tasks(array)).toEqual(['0 R', '1 CA']);
    site.way.close(false);
    await slurm.command('scancel', String(array));
    await site.isOver(array);
    await site.restart({ yaml: { outage: { giveUp } } });
  });

  it('leaves no run behind when a job is cancelled in its hook', async () => {
    await writeFile(join(slurm.folder, 'out/slow'), '');
    const id = await slurm.submit('sleep 300');
    await slurm.waitFor('the hook runs', async () => (await slurm.state(id)) === 'CF');
    await slurm.command('scancel', String(id));
    await rm(join(slurm.folder, 'out/slow'));
    await site.isOver(id);
    await slurm.isIdle();
  });

  it('holds a job when the broker takes its request and says nothing, and its end is told later', async () => {
    await site.hasMatchers();
    const runs = await slurm.submit('sleep 300');
    await slurm.waitFor('it runs', async () => (await slurm.state(runs)) === 'R');
    expect(await site.ofJob(runs)).toMatchObject({ state: 'active' });
    site.way.block('requests');
    const held = await slurm.submit('sleep 0', { args: ['--requeue'] });
    await slurm.command('scancel', String(runs));
    await slurm.waitFor('the other is held', async () =>
      (await slurm.command('squeue', '-h', '-j', String(held), '-o', '%r')).includes('in held state'),
    );
    await slurm.waitFor('the hook of the end has ended', async () =>
      (await slurm.read('out/end')).includes(`0 ${runs} `),
    );
    expect(await site.ofJob(runs)).toMatchObject({ state: 'active' });
    expect(await slurm.read('out/end.err')).toContain('leasehold-hook end: ');
    site.way.block(undefined);
    await site.isOver(runs);
    await slurm.waitFor('the held one has run', async () => (await slurm.state(held)) === 'CD');
    await slurm.isIdle();
  });

  it('holds by what the broker has signed also as a new process while the broker is away, and by nothing that was altered', async () => {
    await loseBroker();
    // One that lives may write over it what it was told a moment ago.
    await site.kill();
    const file = site.at('signer-state/matchers.json');
    const sound = await readFile(file, 'utf8');
    const { set, ...rest } = JSON.parse(sound) as { readonly set: string };
    // As the broker has signed it, but for the partition.
    const altered = Buffer.from(set, 'base64').toString('latin1').replace('gpu', 'cpu');
    await writeFile(
      file,
      JSON.stringify({ ...rest, set: Buffer.from(altered, 'latin1').toString('base64') }),
    );
    await site.restart();
    await slurm.waitFor('it says so', async () =>
      (await site.log()).includes("are not a broker's for this cluster"),
    );
    const free = await slurm.submit('sleep 0', { args: ['--requeue'] });
    await slurm.waitFor('it has run', async () => (await slurm.state(free)) === 'CD');
    await site.give('signer-state/matchers.json', sound);
    await site.restart();
    const held = await slurm.submit('sleep 0', { args: ['--requeue'] });
    await slurm.waitFor('it is held', async () =>
      (await slurm.command('squeue', '-h', '-j', String(held), '-o', '%r')).includes('in held state'),
    );
    site.way.close(false);
    await slurm.waitFor('the held one has run', async () => (await slurm.state(held)) === 'CD');
    await slurm.isIdle();
  });

  it('that is away itself lets jobs start, unregistered, and no hook fails', async () => {
    await site.kill();
    const id = await slurm.submit('sleep 0');
    await slurm.waitFor('it has run', async () => (await slurm.state(id)) === 'CD');
    expect(await slurm.read('out/register.err')).toContain('cannot be reached');
    expect(await slurm.read('out/register')).toMatch(new RegExp(`^0 ${id} 0 `, 'm'));
    expect(await site.records('run_register', id)).toEqual([]);
    await site.restart();
  });

  it('says what the broker refuses, and lets the job start with the rest', async () => {
    const id = await slurm.submit(site.lastsUntil('refused'), {
      args: ['--requeue', '--comment=leasehold=key'],
    });
    await slurm.waitFor('it runs', async () => (await slurm.state(id)) === 'R');
    expect(await site.ofJob(id)).toMatchObject({ bundles: ['db'] });
    expect(await slurm.read('out/register.err')).toContain(`refused to job ${id}: key (not_granted)`);
    expect((await site.records('run_register', id)).join('')).toContain('not_granted');
    await site.release('refused');
    await site.isOver(id);
    expect(await slurm.read('out/register')).toMatch(new RegExp(`^0 ${id} 0 `, 'm'));
  });

  it('releases one job first and then several by one command, though one of them is cancelled in that moment', async () => {
    const scontrol = site.at('scontrol');
    const noted = `echo "$*" >>${site.at('out/released')}`;
    const unluckyGoes = `case "$2" in *,*) /usr/bin/scancel "$(cat ${site.at('out/unlucky')})" ;; esac`;
    await writeFile(
      scontrol,
      `#!/bin/sh\n[ "$1" != release ] || { ${noted}; ${unluckyGoes}; }\nexec /usr/bin/scontrol "$@"\n`,
      { mode: 0o755 },
    );
    await site.restart({ yaml: { slurm: { conf: site.at('slurm.conf'), scontrol } } });
    await loseBroker();
    const ids = await Promise.all([1, 2, 3, 4].map(() => slurm.submit('sleep 0', { args: ['--requeue'] })));
    await slurm.waitFor('all are held', async () => {
      const text = await slurm.command('squeue', '-h', '-t', 'PD', '-o', '%A %r');
      return ids.every((id) => text.includes(`${id} job requeued in held state`));
    });
    const inTurn = JSON.parse(await slurm.read('signer-state/held.json')) as string[];
    const [probe = '', next] = inTurn;
    const unlucky = Number(next);
    const others = ids.filter((id) => id !== unlucky);
    await writeFile(site.at('out/unlucky'), String(unlucky));
    site.way.close(false);
    for (const id of others)
      await slurm.waitFor(`${id} has run`, async () => (await slurm.state(id)) === 'CD');
    expect(await slurm.state(unlucky)).toBe('CA');
    await site.holdsNothing();
    const [first = '', second = ''] = (await slurm.read('out/released')).split('\n');
    expect(first).toBe(`release ${probe}`);
    expect(second.replace('release ', '').split(',').length).toBeGreaterThan(1);
    expect(second).toContain(String(unlucky));
    const warned = (await site.log()).split('\n').filter((line) => line.includes('could not be released'));
    expect(warned).toHaveLength(1);
    expect(JSON.parse(warned[0] ?? '')).toMatchObject({
      job: String(unlucky),
      why: expect.stringContaining('finished') as string,
    });
  });
});
