import { readdir } from 'node:fs/promises';
import { afterEach, expect, it } from 'vitest';
import { textAt, valueAt } from '../support/json.ts';
import { describeWith } from '../support/require.ts';
import { holding, type jobsOf, type Login, on } from './slurm-jobs.ts';
import { type Node, type SlurmSite } from './slurm-site.ts';
import { useSlurmSite } from './slurm-suite.ts';

let site: SlurmSite;
let jobs: ReturnType<typeof jobsOf>;

/** What an administrator does to the runs of a cluster, one after the other. */
describeWith(['vault', 'postgres', 'slurm'], 'an administrator', () => {
  useSlurmSite((...started) => ([site, jobs] = started), {
    conf: ['PartitionName=urgent Nodes=ALL MaxTime=60 State=UP'],
  });

  // After a failure too, or the tests that follow would fail for it.
  afterEach(async () => {
    await site.startAgent('n4');
    const listed: unknown = JSON.parse((await site.command('lock', 'list', '--output', 'json')).stdout);
    const locks = valueAt(listed, 'locks');
    for (const lock of Array.isArray(locks) ? locks : [])
      await site.command('lock', 'remove', textAt(lock, 'id'), '--reason', 'cleaning up');
    for (const user of ['games', 'news']) await site.slurm.command('scancel', `--user=${user}`);
  });

  interface Held {
    readonly job: number;
    readonly login: Login;
  }
  const hold = async (
    node: Node,
    args: readonly string[] = [],
    user: 'games' | 'news' = 'games',
  ): Promise<Held> => {
    const job = await site.submit(holding, { user, ...on(node, ...args) });
    return { job, login: await jobs.loginOf(job, node) };
  };
  const why = ['--reason', 'drill', '--yes'];
  const revoke = (...args: readonly string[]) => site.command('revoke', ...args, ...why);
  const over = async (...held: readonly Held[]) => {
    for (const { job } of held) await jobs.release(job);
    await jobs.expectOver(
      held.map(({ job }) => job),
      held.map(({ login }) => login),
    );
  };
  const expectTaken = ({ login }: Held) => site.slurm.waitFor('the login is gone', () => jobs.isGone(login));
  const expectKept = async ({ login }: Held) => expect(await jobs.canLogin(login)).toBe(true);

  it('sees all runs in one table', async () => {
    const [one, two] = [await hold('n1'), await hold('n2', [], 'news')];
    const listed = await site.command('session', 'list');
    const [head = '', ...rows] = listed.stdout.trimEnd().split('\n');
    const columns = (line: string) => line.split(/ {2,}/);
    const titles = ['CLUSTER', 'WORKLOAD', 'BUNDLE', 'STATE', 'NODE'];
    expect(columns(head)).toEqual(['SESSION', ...titles, 'CREATED', 'DEADLINE']);
    expect(rows.map((row) => columns(row).slice(1, 6)).toSorted()).toEqual([
      ['hpc', `job ${one.job} (games)`, 'app', 'active', 'n1'],
      ['hpc', `job ${two.job} (news)`, 'app', 'active', 'n2'],
    ]);
    await over(one, two);
  });

  it('takes back what a user has, and is told on which node the files are still there', async () => {
    const [two, other] = [await hold('n2'), await hold('n3', [], 'news')];
    const many = await site.submit(holding, { args: ['-N2', '-w', 'n1,n4'] });
    const login = await jobs.loginOf(many);
    await site.killAgent('n4');
    const revoked = await revoke('--user', 'games');
    expect(revoked.status, revoked.stderr).toBe(0);
    const [outcomes = '', places = ''] = revoked.stdout.split('\n\n');
    for (const [job, files] of [
      [two.job, 'wiped'],
      [many, '1 of 2 wiped'],
    ] as const)
      for (const kind of ['token', 'lease'])
        expect(outcomes).toMatch(
          new RegExp(` job ${job} \\(games\\) +app +ended +${files} +${kind} .* confirmed$`, 'm'),
        );
    expect(outcomes).not.toContain('(news)');
    expect(
      places
        .trimEnd()
        .split('\n')
        .slice(1)
        .map((row) => row.split(/ +/).slice(1)),
    ).toEqual([
      ['n1', 'wiped', expect.stringMatching(/^20/) as string, '-'],
      ['n4', 'not', 'wiped', 'out', 'of', 'reach'],
    ]);
    for (const held of [two, { job: many, login }]) await expectTaken(held);
    await expectKept(other);
    await site.startAgent('n4');
    await site.slurm.waitFor('the files are gone there, too', async () =>
      (await site.marker('n4', many)).includes('state=failed'),
    );
    const there = await readdir(site.runsOn('n4'), { recursive: true });
    expect(there.filter((name) => name.endsWith('/password'))).toEqual([]);
    await expectKept(other);
    await over(two, other, { job: many, login });
  });

  it.each([
    ['--account', 'phys'],
    ['--node', 'n2'],
    ['--partition', 'urgent'],
  ])('takes back by %s, and no more than that', async (flag, value) => {
    const [chosen, other] = [
      await hold('n2', ['--account=phys', '--partition=urgent']),
      await hold('n3', ['--account=chem']),
    ];
    const revoked = await revoke(flag, value);
    expect(revoked.status, revoked.stderr).toBe(0);
    await expectTaken(chosen);
    await expectKept(other);
    await over(chosen, other);
  });

  it.each([
    ['--user', 'games'],
    ['--node', 'n2'],
  ])(
    'locks by %s: what runs loses its login, what starts fails with a sentence, until the lock is removed',
    async (flag, value) => {
      const [locked, other] = [await hold('n2'), await hold('n3', [], 'news')];
      const added = await site.command('lock', 'add', flag, value, ...why, '--output', 'json');
      expect(added.status, added.stderr).toBe(0);
      await expectTaken(locked);
      await expectKept(other);
      const refused = await site.submit('echo started', on('n2'));
      await site.slurm.waitFor('it fails', async () => (await site.slurm.state(refused)) === 'F');
      const output = await site.read(`${refused}.out`);
      expect(output).toMatch(
        /^leasehold: The credentials of this job have been withdrawn by an administrator\.$/m,
      );
      expect(output).not.toContain('started');
      const id = textAt(JSON.parse(added.stdout), 'lock', 'id');
      const removed = await site.command('lock', 'remove', id, '--reason', 'drill');
      expect(removed.status, removed.stderr).toBe(0);
      const again = await hold('n2');
      await expectKept(other);
      await over(locked, other, again);
      await jobs.expectOver([refused], []);
    },
  );

  it('takes back all of a cluster', async () => {
    const [one, two] = [await hold('n1'), await hold('n2', [], 'news')];
    expect((await revoke('--cluster', 'other')).stderr).toBe('no live session matches\n');
    const revoked = await revoke('--cluster', 'hpc');
    expect(revoked.status, revoked.stderr).toBe(0);
    for (const held of [one, two]) await expectTaken(held);
    await over(one, two);
  });
});
