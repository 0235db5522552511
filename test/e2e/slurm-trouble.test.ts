import { appendFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { valueAt } from '../support/json.ts';
import { describeWith } from '../support/require.ts';
import { holding, type jobsOf, on, tell, wait } from './slurm-jobs.ts';
import { type SlurmSite } from './slurm-site.ts';
import { useSlurmSite } from './slurm-suite.ts';

let site: SlurmSite;
let jobs: ReturnType<typeof jobsOf>;

/** What breaks under a job: the agent, the broker, slurmd and slurmctld, one after the other. */
describeWith(['vault', 'postgres', 'slurm'], 'a Slurm job', () => {
  useSlurmSite((...started) => ([site, jobs] = started), {
    hasPauses: true,
    conf: [
      'PreemptType=preempt/partition_prio',
      'PreemptMode=REQUEUE',
      'PartitionName=urgent Nodes=ALL PriorityTier=10 MaxTime=60 State=UP',
    ],
  });

  // After a failure too, or the tests that follow would fail for it.
  afterEach(() => site.startBroker());

  it('keeps its files and its login while the agent is killed and comes back', async () => {
    const job = await site.submit(`${holding}\n${tell('end')}`, on('n4'));
    const login = await jobs.loginOf(job, 'n4');
    await site.killAgent('n4');
    await site.startAgent('n4');
    await jobs.release(job);
    expect(await jobs.loginOf(job, 'n4', 'end')).toEqual(login);
    await jobs.expectOver([job], [login]);
  });

  it('keeps its files and its login while slurmd and the broker go and come back, and is rotated after that', async () => {
    const { slurm } = site;
    const look = `while [ ! -e $OUT/$SLURM_JOB_ID.look ]; do sleep 0.2; done\nsrun -n1 sh -c '${tell('back')}'`;
    const job = await site.submit(`${tell('start')}\n${look}\n${wait}\n${tell('end')}`, on('n4'));
    const login = await jobs.loginOf(job, 'n4');
    await slurm.stopSlurmd('n4');
    await slurm.startNode('n4');
    await site.stopBroker();
    await site.startBroker();
    await site.tell(`${job}.look`);
    // Of a step that slurmd has started since.
    expect(await jobs.loginOf(job, 'n4', 'back')).toEqual(login);
    expect(await jobs.canLogin(login)).toBe(true);
    await slurm.waitFor('the agent is back', async () => {
      const listed = await site.command('session', 'list', '--job', String(job), '--output', 'json');
      return valueAt(JSON.parse(listed.stdout), 'sessions', '0', 'holders', '0', 'attached') === true;
    });
    const rotated = await site.command('rotate', '--job', String(job), '--reason', 'drill', '--yes');
    expect(rotated.status, rotated.stderr).toBe(0);
    await slurm.waitFor('the login is gone', () => jobs.isGone(login));
    await jobs.release(job);
    const next = await jobs.loginOf(job, 'n4', 'end');
    expect(next.username).not.toBe(login.username);
    await jobs.expectOver([job], [login, next]);
  });

  it('whose time limit is raised keeps its login, and the broker knows the new limit', async () => {
    const job = await site.submit(holding, on('n4', '--time=5'));
    const login = await jobs.loginOf(job, 'n4');
    const end = await site.endOfRun(job);
    await site.slurm.command('scontrol', 'update', `JobId=${job}`, 'TimeLimit=30');
    // One may have been on its way before.
    const heard = await site.reports();
    await site.slurm.waitFor('two reports', async () => (await site.reports()) >= heard + 2);
    // To the half of a minute: Slurm counts from when the hooks of the job's start are done.
    expect(((await site.endOfRun(job)) - end) / 60_000).toBeCloseTo(25, 0);
    expect(await jobs.canLogin(login)).toBe(true);
    await jobs.release(job);
    await jobs.expectOver([job], [login]);
  });

  it('that is preempted gives its login back, and its next run has another', async () => {
    const { slurm } = site;
    const job = await site.submit(holding, on('n1', '--requeue', '--exclusive'));
    const first = await jobs.loginOf(job);
    const urgent = await site.submit(holding, on('n1', '--partition=urgent', '--exclusive'));
    const other = await jobs.loginOf(urgent);
    await slurm.waitFor('it waits again', async () => (await slurm.state(job)) === 'PD');
    await slurm.waitFor('the first login is gone', () => jobs.isGone(first));
    expect(await jobs.canLogin(other)).toBe(true);
    await jobs.release(urgent);
    await slurm.waitFor(
      'its next run tells its login',
      async () => (await jobs.loginOf(job)).username !== first.username,
    );
    const second = await jobs.loginOf(job);
    expect(second.username).not.toBe(other.username);
    expect(await jobs.canLogin(second)).toBe(true);
    await jobs.release(job);
    await jobs.expectOver([job, urgent], [first, other, second]);
  });

  it('whose user calls the sockets of the agent and of the signer is turned away, and keeps what it has', async () => {
    const hook = `${site.bin}/leasehold-hook`;
    const calls = [
      `${hook} epilog --socket ${site.socketOf('n4')}`,
      `${hook} prolog --socket ${site.socketOf('n4')}`,
      `${hook} end --socket ${site.signerSocket}`,
    ];
    const job = await site.submit(`${calls.join('; ')}\n${holding}\n${tell('end')}`, on('n4'));
    const login = await jobs.loginOf(job, 'n4');
    const said = (await site.read(`${job}.out`))
      .split('\n')
      .filter((line) => line.startsWith('leasehold-hook'));
    expect(said.map((line) => / cannot be reached: (.*)$/.exec(line)?.[1])).toEqual(
      Array(3).fill('Permission denied'),
    );
    await jobs.release(job);
    expect(await jobs.loginOf(job, 'n4', 'end')).toEqual(login);
    await jobs.expectOver([job], [login]);
  });

  it('keeps its files while the broker is away, ends meanwhile, and its login goes when the broker is back', async () => {
    const job = await site.submit(`${holding}\n${tell('end')}`, on('n4'));
    const login = await jobs.loginOf(job, 'n4');
    await site.stopBroker();
    await jobs.release(job);
    expect(await jobs.loginOf(job, 'n4', 'end')).toEqual(login);
    await site.slurm.waitFor('the files are gone', async () =>
      (await site.left()).every((name) => name.includes('/state/')),
    );
    await site.startBroker();
    await jobs.expectOver([job], [login]);
  });

  it('that needs secrets is held while the broker is away, and has them when it is back; others start', async () => {
    const { slurm } = site;
    await site.stopBroker();
    const job = await site.submit(holding, on('n1'));
    const needless = await site.submit('echo ran', on('n1', '--partition=cpu'));
    // Slurm cannot hold these two: they start, and the node knows that one of them needs something.
    const unheld = await site.submit('echo ran', on('n2', '--no-requeue'));
    const wish = ['--partition=cpu', '--no-requeue', '--comment=leasehold=app'];
    const wishing = await site.submit('echo ran', on('n3', ...wish));
    const asked = () =>
      slurm.command('squeue', '-h', '-j', String(job), '-O', 'StateCompact:4,admin_comment:80');
    await slurm.waitFor('it is held', async () =>
      /^PD\s+leasehold: held until the credential service can be reached/.test(await asked()),
    );
    await slurm.waitFor('the other has run', async () => (await site.read(`${needless}.out`)) === 'ran\n');
    expect(await site.read(`${job}.n1.start`)).toBe('');
    for (const id of [unheld, wishing]) {
      await slurm.waitFor('it has failed', async () => (await slurm.state(id)) === 'F');
      const output = await site.read(`${id}.out`);
      expect(output).toContain('The credentials of this job could not be fetched in time');
      expect(output).not.toContain('ran');
    }
    await site.startBroker();
    const login = await jobs.loginOf(job);
    expect(await jobs.canLogin(login)).toBe(true);
    await jobs.release(job);
    await jobs.expectOver([job, needless, unheld, wishing], [login]);
  });

  it('whose slurmd and steps are killed is ended when slurmd is back, and its next run has another login', async () => {
    const { slurm } = site;
    const lost = await site.submit(holding, on('n3', '--no-requeue'));
    const again = await site.submit(`${tell('$SLURM_RESTART_COUNT')}\n${holding}`, on('n3', '--requeue'));
    const logins = await Promise.all([lost, again].map((job) => jobs.loginOf(job, 'n3')));
    // The controller misses a batch script no sooner (BatchStartTimeout and 10 s).
    const begun = Date.now();
    await slurm.waitFor('they have run for a while', async () => Date.now() - begun > 12_000);
    await slurm.killNode('n3');
    await slurm.startNode('n3');
    await slurm.waitFor('the first is given up', async () => (await slurm.state(lost)) === 'NF');
    await jobs.expectOver([lost], logins);
    const next = await jobs.loginOf(again, 'n3', '1');
    expect(logins.map(({ username }) => username)).not.toContain(next.username);
    await jobs.release(again);
    await jobs.expectOver([again], [next]);
  });

  it('whose node is lost leaves no login and no file, though no epilog comes', async () => {
    const { slurm } = site;
    const job = await site.submit(holding, on('n2', '--no-requeue'));
    const login = await jobs.loginOf(job, 'n2');
    await slurm.killNode('n2');
    await slurm.waitFor('the controller misses the node', async () => (await slurm.state(job)) === 'NF', 120);
    await slurm.waitFor('the login is gone', () => jobs.isGone(login));
    await slurm.waitFor('no file is left', async () => (await site.left()).length === 0);
    await slurm.startNode('n2');
    await slurm.waitFor('all nodes are back', async () =>
      (await slurm.nodeStates()).every((state) => state === 'IDLE'),
    );
    await jobs.expectOver([job], [login]);
  });

  it('whose PrologSlurmctld is cut short by the death of slurmctld starts after it, once', async () => {
    const { slurm } = site;
    const job = await site.submit(holding, on('n1', '-J', 'pause-after-death'));
    await slurm.waitFor('the hook waits', async () => site.isTold(`${job}.after`));
    // A controller that is killed before it writes its jobs down has forgotten the job.
    await slurm.waitFor('the job is on record', async () =>
      (await slurm.read('state/job_state')).includes('pause-after-death'),
    );
    await slurm.restartController();
    await site.tell(`${job}.on`);
    const login = await jobs.loginOf(job);
    const listed = await site.command('session', 'list', '--job', String(job), '--output', 'json');
    expect(new Set(listed.stdout.match(/run\/hpc\/\d+\/\d+/g)).size).toBe(1);
    await jobs.release(job);
    await jobs.expectOver([job], [login]);
  });

  it('whose id comes again after the controller lost its state has nothing of the one before', async () => {
    const { slurm } = site;
    const job = await site.submit(holding, on('n1'));
    const before = await jobs.loginOf(job);
    await slurm.restartController({
      meanwhile: async () => {
        const state = join(slurm.folder, 'state');
        for (const name of await readdir(state)) {
          if (name !== 'clustername') await rm(join(state, name), { recursive: true });
        }
        await rm(join(slurm.folder, `out/${job}.n1.start`));
        await appendFile(join(slurm.folder, 'slurm.conf'), `FirstJobId=${job}\n`);
      },
    });
    // A node that comes to know that its job is nobody's kills it, and the epilog runs.
    await jobs.expectNothingLeft([job], [before]);
    expect(await site.submit(holding, on('n1'))).toBe(job);
    const told = () => site.read(`${job}.n1.start`);
    await slurm.waitFor('it has a login, or has failed', async () =>
      [(await told()) !== '', (await slurm.state(job)) === 'F'].includes(true),
    );
    const [username = '', password = ''] = (await told()).split('\n');
    expect(username).not.toBe(before.username);
    // slurmd runs no prolog for an id that it has seen end a moment ago. Then the task prolog finds no marker, and says so.
    if (username === '')
      expect(await site.read(`${job}.out`)).toContain(
        'leasehold: The credentials of this job are not on this node',
      );
    await jobs.release(job);
    await jobs.expectOver([job], username === '' ? [before] : [before, { username, password }]);
  });
});
