import { expect, it } from 'vitest';
import { createScheduler } from '../../src/slurm/scheduler.ts';
import { mayMount } from '../support/may-mount.ts';
import { describeWith } from '../support/require.ts';
import { holding, type jobsOf, on, tell, wait } from './slurm-jobs.ts';
import { nodes, type SlurmSite } from './slurm-site.ts';
import { useSlurmSite } from './slurm-suite.ts';

let site: SlurmSite;
let jobs: ReturnType<typeof jobsOf>;

/** Kinds of jobs, side by side on one site. */
describeWith(['vault', 'postgres', 'slurm'], 'a Slurm job', () => {
  useSlurmSite((...started) => ([site, jobs] = started));

  it.concurrent('on one node holds a login from prolog to epilog, and nothing after', async () => {
    const job = await site.submit(holding, on('n1'));
    const login = await jobs.loginOf(job);
    expect(await jobs.canLogin(login)).toBe(true);
    await jobs.release(job);
    await jobs.expectOver([job], [login]);
  });

  it.concurrent('can read its files and write nothing there, whoever owns them', async ({ skip }) => {
    skip(!mayMount, 'nothing can be mounted here');
    const attempts = [
      'chmod u+w $LEASEHOLD_DIR/app/password',
      'mkdir $LEASEHOLD_DIR/more',
      'rm -f $LEASEHOLD_DIR/app/..data/password',
    ];
    const tried = attempts.map((attempt) => `${attempt} 2>&1 || echo refused`).join('\n');
    const job = await site.submit(`${tell('start')}\n${tried}`, on('n1'));
    const login = await jobs.loginOf(job);
    await jobs.expectOver([job], [login]);
    const output = await site.read(`${job}.out`);
    expect(output.match(/Read-only file system\nrefused\n/g), output).toHaveLength(attempts.length);
  });

  it.concurrent('that is granted nothing runs without files', async () => {
    const job = await site.submit('echo "dir=[$LEASEHOLD_DIR]"', on('n1', '--partition=cpu'));
    await jobs.expectOver([job], []);
    expect(await site.read(`${job}.out`)).toBe('dir=[]\n');
  });

  it.concurrent('on four nodes has one login everywhere, until the last node has let go', async () => {
    const job = await site.submit(`srun -N4 sh -c '${tell('start')}'\n${wait}`, { args: ['-N4'] });
    const logins = await Promise.all(nodes.map((node) => jobs.loginOf(job, node)));
    expect(new Set(logins.map(({ username }) => username)).size).toBe(1);
    await jobs.release(job);
    await jobs.expectOver([job], logins);
  });

  it.concurrent('on four nodes has a login of its own on each where it asks for such a bundle', async () => {
    const asks = { args: ['-N4', '--comment=leasehold=own'] };
    const job = await site.submit(`srun -N4 sh -c '${tell('start', 'own')}'\n${wait}`, asks);
    const logins = await Promise.all(nodes.map((node) => jobs.loginOf(job, node)));
    expect(new Set(logins.map(({ username }) => username)).size).toBe(nodes.length);
    for (const login of logins) expect(await jobs.canLogin(login)).toBe(true);
    await jobs.release(job);
    await jobs.expectOver([job], logins);
  });

  it.concurrent('is kept apart from another user and from a second job on the same node', async () => {
    const spy = `while [ ! -e $OUT/spy.go ]; do sleep 0.2; done; cat $(cat $OUT/spy.go); echo "status $?"`;
    const ids = [
      await site.submit(holding, on('n2')),
      await site.submit(holding, on('n2')),
      await site.submit(`${tell('start')}\n${spy}\n${wait}`, { user: 'news', ...on('n2') }),
    ];
    const [first = 0, second = 0, third = 0] = ids;
    const logins = await Promise.all(ids.map((job) => jobs.loginOf(job, 'n2')));
    expect(new Set(logins.map(({ username }) => username)).size).toBe(3);
    const run = (await site.left()).find((name) => name.startsWith(`n2/runs/${first}-`))?.split('/')[2] ?? '';
    await site.tell('spy.go', `${site.runsOn('n2')}/${run}/app/password`);
    await site.slurm.waitFor('the spy has tried', async () =>
      (await site.read(`${third}.out`)).includes('status '),
    );
    expect(await site.read(`${third}.out`)).toMatch(/Permission denied\nstatus 1\n/);
    await jobs.release(first);
    await jobs.expectOver([first], logins.slice(0, 1));
    expect(await jobs.canLogin(logins[1] ?? { username: '', password: '' })).toBe(true);
    await jobs.release(second);
    await jobs.release(third);
    await jobs.expectOver(ids, logins);
  });

  it.concurrent(
    'that is an array has a login for each task, and a revocation of the array takes back those alone',
    async () => {
      const array = await site.submit(holding, on('n3', '--array=0-2'));
      const other = await site.submit(holding, on('n3'));
      const tasks = await jobs.partsOf(array, 3);
      const logins = await Promise.all(tasks.map((task) => jobs.loginOf(task, 'n3')));
      const kept = await jobs.loginOf(other, 'n3');
      expect(new Set([kept, ...logins].map(({ username }) => username)).size).toBe(4);
      const revoked = await site.command('revoke', '--array', String(array), '--reason', 'test', '--yes');
      expect(revoked.status, revoked.stderr).toBe(0);
      for (const login of logins) await site.slurm.waitFor('the login is gone', () => jobs.isGone(login));
      expect(await jobs.canLogin(kept)).toBe(true);
      for (const id of [...tasks, other]) await jobs.release(id);
      await jobs.expectOver([...tasks, other], [...logins, kept]);
    },
  );

  it.concurrent(
    'that is heterogeneous has a run for each component, whose files are on its own nodes',
    async () => {
      // Tasks of both have the id of the first.
      const script = `${tell('batch')}\nsrun --het-group=0,1 sh -c '${tell('start')}'\n${wait}`;
      const first = await site.submit(script, { args: ['-w', 'n1', ':', '-w', 'n2,n4', '-n2'] });
      const components = await jobs.partsOf(first, 2);
      const batch = await jobs.loginOf(first, 'n1', 'batch');
      const [one, two, four] = await Promise.all(
        (['n1', 'n2', 'n4'] as const).map((node) => jobs.loginOf(first, node)),
      );
      expect(one).toEqual(batch);
      expect(two).toEqual(four);
      expect(two).not.toEqual(one);
      const runs = (await site.left()).filter((name) => name.includes('/runs/'));
      const places = components.map((id) => runs.filter((name) => name.includes(`/runs/${id}-`)));
      expect(places.map((found) => found.map((name) => name.slice(0, 2)))).toEqual([['n1'], ['n2', 'n4']]);
      await jobs.release(first);
      await jobs.expectOver(components, [batch, two ?? batch]);
    },
  );

  it.concurrent.each(['srun', 'salloc'] as const)('of %s has its login in its step', async (program) => {
    const step = `echo "$SLURM_JOB_ID"; cat $LEASEHOLD_DIR/app/username; echo; cat $LEASEHOLD_DIR/app/password`;
    const script = program === 'srun' ? step : `srun sh -c '${step}'`;
    const output = await site.interactive(program, script, on('n4'));
    const [id = '', username = '', password = ''] = output.split('\n');
    expect(username).not.toBe('');
    await jobs.expectOver([Number(id)], [{ username, password }]);
  });

  it.concurrent('that is suspended keeps what it has, and has it when it is resumed', async () => {
    const job = await site.submit(`${holding}\n${tell('end')}`, on('n1'));
    const login = await jobs.loginOf(job);
    await site.slurm.command('scontrol', 'suspend', String(job));
    await site.slurm.waitFor('it is suspended', async () => (await site.slurm.state(job)) === 'S');
    const { squeue, scontrol } = { squeue: '/usr/bin/squeue', scontrol: '/usr/bin/scontrol' };
    const scheduler = createScheduler({ squeue, scontrol, conf: site.slurm.env['SLURM_CONF'] ?? '' });
    const runs = await scheduler.runs(AbortSignal.timeout(60_000));
    expect(runs.find(({ jobId }) => jobId === job)).toMatchObject({ isStarting: true });
    expect(await jobs.canLogin(login)).toBe(true);
    await jobs.release(job);
    await site.slurm.command('scontrol', 'resume', String(job));
    expect(await jobs.loginOf(job, 'n1', 'end')).toEqual(login);
    await jobs.expectOver([job], [login]);
  });

  it.concurrent(
    'with a name, a comment and an environment that lie is what the controller says it is',
    async () => {
      const lies = 'x\nJobId=1 UserId=root(0) Partition=cpu\nSLURM_JOB_UID=0';
      const env =
        'NODE_OPTIONS=--require=/nonexistent.cjs,LEASEHOLD_DIR=/etc,LEASEHOLD_JOB=1,SLURM_JOB_UID=0,SLURM_JOB_PARTITION=cpu,SLURM_CLUSTER_NAME=other';
      const job = await site.submit(
        `echo "dir=$LEASEHOLD_DIR"\n${holding}`,
        on('n4', '-J', lies, `--comment=${lies}`, `--export=ALL,${env}`),
      );
      const login = await jobs.loginOf(job, 'n4');
      expect(await site.read(`${job}.out`)).toMatch(new RegExp(`^dir=\\S+/n4/run/runs/${job}-\\d+\n`));
      const listed = await site.command('session', 'list', '--user', 'games', '--output', 'json');
      expect(listed.stdout).toContain(`run/hpc/${job}/`);
      await jobs.release(job);
      await jobs.expectOver([job], [login]);
    },
  );

  it.concurrent(
    'that forges how often it was started fails by itself, with a sentence, and holds nothing',
    async () => {
      const job = await site.submit('echo started', on('n4', '--export=ALL,SLURM_RESTART_COUNT=5'));
      await jobs.expectOver([job], []);
      const output = await site.read(`${job}.out`);
      expect(output).toContain('leasehold: The credentials on this node belong to another run');
      expect(output).not.toContain('started');
    },
  );
});
