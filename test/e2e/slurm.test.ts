import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeWith } from '../support/require.ts';
import { nodes, type Node, type SlurmSite, startSlurmSite } from './slurm-site.ts';

/** Tells the login that this node has, as a file named by job, node and mark. */
const tell = (mark: string): string => {
  const file = `$OUT/$SLURM_JOB_ID.$SLURMD_NODENAME.${mark}`;
  return `cat $LEASEHOLD_DIR/app/username > ${file}.new; echo >> ${file}.new; cat $LEASEHOLD_DIR/app/password >> ${file}.new; mv ${file}.new ${file}`;
};
const wait = 'while [ ! -e $OUT/$SLURM_JOB_ID.go ]; do sleep 0.2; done';

interface Login {
  readonly username: string;
  readonly password: string;
}

let site: SlurmSite;

async function loginOf(jobId: number, node: Node = 'n1', mark = 'start'): Promise<Login> {
  const name = `${jobId}.${node}.${mark}`;
  await site.slurm.waitFor(`${name} is told`, async () => (await site.read(name)) !== '');
  const [username = '', password = ''] = (await site.read(name)).split('\n');
  return { username, password };
}

/** Any job of one node is put there, so that a test knows where to look. */
const on = (node: Node, ...more: readonly string[]) => ({ args: [`--nodelist=${node}`, ...more] });

async function expectOver(jobs: readonly number[], logins: readonly Login[]): Promise<void> {
  const { slurm, parts } = site;
  await slurm.waitFor('the jobs are over', async () => {
    const states = await Promise.all(jobs.map((job) => slurm.state(job)));
    return states.every((state) => state === undefined || ['CD', 'CA', 'F'].includes(state));
  });
  const ofJobs = new RegExp(`/(${jobs.join('|')})(-|$)`);
  await slurm.waitFor('no file, marker or record is left', async () =>
    (await site.left()).every((name) => !ofJobs.test(name)),
  );
  for (const { username, password } of logins) {
    await slurm.waitFor('the login is gone', async () => !(await parts.roleExists(username)));
    expect(await parts.canLogin(username, password)).toBe(false);
  }
  expect((await slurm.nodeStates()).filter((state) => /DRAIN|DOWN/.test(state))).toEqual([]);
}

const release = (jobId: number) => site.tell(`${jobId}.go`);

describeWith(['vault', 'postgres', 'slurm'], 'a Slurm job', () => {
  beforeAll(async () => {
    site = await startSlurmSite();
  }, 180_000);
  afterAll(async () => {
    // Undefined when it could not be started.
    await (site as SlurmSite | undefined)?.[Symbol.asyncDispose]();
  }, 60_000);
  beforeEach((context) => {
    context.onTestFailed(() => {
      process.stderr.write(`${site.outputs()}\n`);
    });
  });

  it('on one node holds a login from prolog to epilog, and nothing after', async () => {
    const job = await site.submit(`${tell('start')}\n${wait}`, on('n1'));
    const login = await loginOf(job);
    expect(await site.parts.canLogin(login.username, login.password)).toBe(true);
    await release(job);
    await expectOver([job], [login]);
  });

  it('that is granted nothing runs without files', async () => {
    const job = await site.submit('echo "dir=[$LEASEHOLD_DIR]"', on('n1', '--partition=cpu'));
    await expectOver([job], []);
    expect(await site.read(`${job}.out`)).toBe('dir=[]\n');
  });

  it('on four nodes has one login everywhere, until the last node has let go', async () => {
    const job = await site.submit(`srun -N4 sh -c '${tell('start')}'\n${wait}`, { args: ['-N4'] });
    const logins = await Promise.all(nodes.map((node) => loginOf(job, node)));
    expect(new Set(logins.map(({ username }) => username)).size).toBe(1);
    await release(job);
    await expectOver([job], logins);
  });

  it('is kept apart from another user and from a second job on the same node', async () => {
    const spy = `while [ ! -e $OUT/spy.go ]; do sleep 0.2; done; cat $(cat $OUT/spy.go); echo "status $?"`;
    const jobs = [
      await site.submit(`${tell('start')}\n${wait}`, on('n2')),
      await site.submit(`${tell('start')}\n${wait}`, on('n2')),
      await site.submit(`${tell('start')}\n${spy}\n${wait}`, { user: 'news', ...on('n2') }),
    ];
    const [first = 0, second = 0, third = 0] = jobs;
    const logins = await Promise.all(jobs.map((job) => loginOf(job, 'n2')));
    expect(new Set(logins.map(({ username }) => username)).size).toBe(3);
    const run = (await site.left()).find((name) => name.startsWith(`n2/runs/${first}-`))?.split('/')[2] ?? '';
    await site.tell('spy.go', `${site.runsOn('n2')}/${run}/app/password`);
    await site.slurm.waitFor('the spy has tried', async () =>
      (await site.read(`${third}.out`)).includes('status '),
    );
    expect(await site.read(`${third}.out`)).toMatch(/Permission denied\nstatus 1\n/);
    await release(first);
    await expectOver([first], logins.slice(0, 1));
    expect(await site.parts.canLogin(logins[1]?.username ?? '', logins[1]?.password ?? '')).toBe(true);
    await release(second);
    await release(third);
    await expectOver(jobs, logins);
  });

  it('that is cancelled while it runs leaves nothing', async () => {
    const job = await site.submit(`${tell('start')}\n${wait}`, on('n3'));
    const login = await loginOf(job, 'n3');
    await site.slurm.command('scancel', String(job));
    await expectOver([job], [login]);
  });

  it('that is requeued gets another login for its next run', async () => {
    const script = `${tell('$SLURM_RESTART_COUNT')}\n${tell('start')}\n${wait}`;
    const job = await site.submit(script, on('n3', '--requeue'));
    const first = await loginOf(job, 'n3');
    await site.slurm.command('scontrol', 'requeue', String(job));
    const second = await loginOf(job, 'n3', '1');
    expect(second.username).not.toBe(first.username);
    await site.slurm.waitFor(
      'the first login is gone',
      async () => !(await site.parts.roleExists(first.username)),
    );
    expect(await site.parts.canLogin(second.username, second.password)).toBe(true);
    await release(job);
    await expectOver([job], [first, second]);
  });

  it('keeps its files and its login while the agent is killed and comes back', async () => {
    const job = await site.submit(`${tell('start')}\n${wait}\n${tell('end')}`, on('n4'));
    const login = await loginOf(job, 'n4');
    await site.killAgent('n4');
    await site.startAgent('n4');
    await release(job);
    expect(await loginOf(job, 'n4', 'end')).toEqual(login);
    await expectOver([job], [login]);
  });

  it('keeps its files while the broker is away, ends meanwhile, and its login goes when the broker is back', async () => {
    const job = await site.submit(`${tell('start')}\n${wait}\n${tell('end')}`, on('n4'));
    const login = await loginOf(job, 'n4');
    await site.stopBroker();
    await release(job);
    expect(await loginOf(job, 'n4', 'end')).toEqual(login);
    await site.slurm.waitFor('the files are gone', async () =>
      (await site.left()).every((name) => name.includes('/state/')),
    );
    await site.startBroker();
    await expectOver([job], [login]);
  });

  it('loses its login and its files when an administrator revokes it, and further tasks fail with a reason', async () => {
    const job = await site.submit(`${tell('start')}\n${wait}\nsrun -n1 true`, on('n1'));
    const login = await loginOf(job);
    const revoked = await site.command('revoke', '--job', String(job), '--reason', 'test', '--yes');
    expect(revoked.status, revoked.stderr).toBe(0);
    await site.slurm.waitFor('the login is gone', async () => !(await site.parts.roleExists(login.username)));
    await release(job);
    await expectOver([job], [login]);
    expect(await site.read(`${job}.out`)).toContain('leasehold: The credentials of this job');
  });
});
