import { expect, it } from 'vitest';
import { describeWith } from '../support/require.ts';
import { holding, type jobsOf, on, tell, wait } from './slurm-jobs.ts';
import { type SlurmSite } from './slurm-site.ts';
import { useSlurmSite } from './slurm-suite.ts';

let site: SlurmSite;
let jobs: ReturnType<typeof jobsOf>;

/** Ends of jobs, side by side on one site. */
describeWith(['vault', 'postgres', 'slurm'], 'a Slurm job', () => {
  useSlurmSite((...started) => ([site, jobs] = started), { hasPauses: true });

  it.concurrent('that reaches its time limit leaves nothing', async () => {
    const job = await site.submit(holding, on('n1', '--time=1'));
    const login = await jobs.loginOf(job);
    await site.slurm.command('scontrol', 'update', `JobId=${job}`, 'EndTime=now+1seconds');
    await site.slurm.waitFor('Slurm ends it', async () => (await site.slurm.state(job)) !== 'R', 90);
    await jobs.expectOver([job], [login]);
    expect(await site.read(`${job}.out`)).toContain('DUE TO TIME LIMIT');
  });

  it.concurrent.each(['before', 'after'] as const)(
    'that is cancelled in PrologSlurmctld %s it is registered holds nothing',
    async (moment) => {
      const job = await site.submit(holding, on('n2', '-J', `pause-${moment}`));
      await site.slurm.waitFor('the hook waits', async () => site.isTold(`${job}.${moment}`));
      await site.slurm.command('scancel', String(job));
      await jobs.expectOver([job], []);
      const listed = await site.command('session', 'list', '--job', String(job), '--output', 'json');
      expect(listed.stdout).not.toContain(`run/hpc/${job}/`);
      await site.tell(`${job}.on`);
    },
  );

  it.concurrent('that is cancelled while it runs leaves nothing', async () => {
    const job = await site.submit(holding, on('n3'));
    const login = await jobs.loginOf(job, 'n3');
    await site.slurm.command('scancel', String(job));
    await jobs.expectOver([job], [login]);
  });

  it.concurrent('that is cancelled and does not heed it has its login until it is dead', async () => {
    const deaf = `trap 'echo x >$OUT/$SLURM_JOB_ID.term' TERM`;
    const job = await site.submit(`${deaf}\n${holding}`, on('n3'));
    const login = await jobs.loginOf(job, 'n3');
    await site.slurm.command('scancel', String(job));
    await site.slurm.waitFor('it is told to end', async () => site.isTold(`${job}.term`));
    expect(await jobs.canLogin(login)).toBe(true);
    expect((await site.left()).filter((name) => name.startsWith(`n3/runs/${job}-`))).toHaveLength(1);
    await jobs.expectOver([job], [login]);
  });

  it.concurrent('that is requeued gets another login for its next run', async () => {
    const script = `${tell('$SLURM_RESTART_COUNT')}\n${holding}`;
    const job = await site.submit(script, on('n3', '--requeue'));
    const first = await jobs.loginOf(job, 'n3');
    await site.slurm.command('scontrol', 'requeue', String(job));
    const second = await jobs.loginOf(job, 'n3', '1');
    expect(second.username).not.toBe(first.username);
    await site.slurm.waitFor('the first login is gone', () => jobs.isGone(first));
    expect(await jobs.canLogin(second)).toBe(true);
    const listed = await site.command('session', 'list', '--job', String(job), '-o', 'json');
    // This Slurm has no SLUIDs.
    const run = expect.objectContaining({ jobId: job, restarts: 1, sluid: null }) as unknown;
    expect(JSON.parse(listed.stdout)).toMatchObject({ sessions: [{ run }] });
    await jobs.release(job);
    await jobs.expectOver([job], [first, second]);
  });

  it.concurrent('that outlives a deadline is decided anew, with one new login on all its nodes', async () => {
    // Each node tells the login that comes after this one, however late its step begins.
    const first = `${tell('start', 'brief')}; first=$(head -n 1 $OUT/$SLURM_JOB_ID.n1.start); export first`;
    const isFirst = '[ "${now:-$first}" = "$first" ]';
    const step = `while now=$(cat $LEASEHOLD_DIR/brief/username); ${isFirst}; do sleep 0.2; done; ${tell('next', 'brief')}`;
    const args = ['-w', 'n1,n4', '-n2', '--time=5', '--comment=leasehold=brief'];
    const job = await site.submit(`${tell('start-of-app')}\n${first}\nsrun sh -c '${step}'\n${wait}`, {
      args,
    });
    const app = await jobs.loginOf(job, 'n1', 'start-of-app');
    const before = await jobs.loginOf(job);
    const next = await jobs.loginOf(job, 'n1', 'next');
    expect(await jobs.loginOf(job, 'n4', 'next')).toEqual(next);
    expect(next).not.toEqual(before);
    await site.slurm.waitFor('the first login is gone', () => jobs.isGone(before));
    expect(await jobs.canLogin(app)).toBe(true);
    await jobs.release(job);
    await jobs.expectOver([job], [app, before, next]);
  });

  it.concurrent(
    'that is rotated tells the program that asked for it, and goes on with the new login',
    async () => {
      const file = '$OUT/$SLURM_JOB_ID.n4.told';
      const program = `trap "${tell('told')}" USR1; ${tell('start')}; while [ ! -e ${file} ]; do sleep 0.1; done; ${wait}`;
      await site.tell('program.sh', program.replaceAll('"', "'"));
      const job = await site.submit('LEASEHOLD_SIGNAL=USR1 srun sh $OUT/program.sh', on('n4'));
      const first = await jobs.loginOf(job, 'n4');
      const rotate = await site.command('rotate', '--job', String(job), '--reason', 'drill', '--yes');
      expect(rotate.status, rotate.stderr).toBe(0);
      const second = await jobs.loginOf(job, 'n4', 'told');
      expect(second.username).not.toBe(first.username);
      await site.slurm.waitFor('the first login is gone', () => jobs.isGone(first));
      expect(await jobs.canLogin(second)).toBe(true);
      await jobs.release(job);
      await jobs.expectOver([job], [first, second]);
    },
  );

  it.concurrent(
    'loses its login and its files when an administrator revokes it, and further tasks fail with a reason',
    async () => {
      const job = await site.submit(`${holding}\nsrun -n1 true`, on('n1'));
      const login = await jobs.loginOf(job);
      const revoked = await site.command('revoke', '--job', String(job), '--reason', 'test', '--yes');
      expect(revoked.status, revoked.stderr).toBe(0);
      await site.slurm.waitFor('the login is gone', () => jobs.isGone(login));
      // The database may know it before the node does.
      await site.slurm.waitFor('the node says so', async () =>
        (await site.marker('n1', job)).includes('state=failed'),
      );
      await jobs.release(job);
      await jobs.expectOver([job], [login]);
      expect(await site.read(`${job}.out`)).toContain('leasehold: The credentials of this job');
    },
  );
});
