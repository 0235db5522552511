import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { valueAt } from '../support/json.ts';
import { describeWith } from '../support/require.ts';
import { type jobsOf, type Login, on, tell, wait } from './slurm-jobs.ts';
import { bundle } from './slurm-site-texts.ts';
import type { Node, SlurmSite } from './slurm-site.ts';
import { useSlurmSite } from './slurm-suite.ts';

let site: SlurmSite;
let jobs: ReturnType<typeof jobsOf>;

const names = ['common', 'phys', 'chem', 'fast'];
const times = { ttl: '10m', maxTtl: '1h', overlap: '30s' };
const named = (name: string) => [name, bundle(`leasehold-${name}`, times)] as const;
/** `common` is for all but one QOS. */
const policy = stringify({
  bundles: Object.fromEntries(names.map(named)),
  grants: [
    { name: 'of-all', allow: 'common', runs: { cluster: 'hpc' } },
    { name: 'not-scavenger', deny: 'common', runs: { cluster: 'hpc', qos: 'scavenger' } },
    { name: 'of-phys', allow: 'phys', runs: { cluster: 'hpc', account: 'phys' } },
    { name: 'of-chem', allow: 'chem', runs: { cluster: 'hpc', account: 'chem' } },
    { name: 'of-fast', allow: 'fast', runs: { cluster: 'hpc', qos: 'fast' } },
  ],
});
/** `games` may have any QOS and each account but one, `news` one of both. */
const registered = [
  ...['phys', 'chem', 'bio', 'astro'].map((account) => `add account ${account}`),
  ...['fast', 'scavenger'].map((qos) => `add qos ${qos}`),
  'add user games account=phys,chem,bio defaultaccount=phys qos=normal,fast,scavenger defaultqos=normal',
  'add user news account=phys qos=normal defaultqos=normal',
];

/** Tells the login of each bundle that the job has, then the names of those, and waits. A job may not list its folder. */
const script = `for b in ${names.join(' ')}; do
  if [ -e "$LEASEHOLD_DIR/$b" ]; then ${tell('$b', '$b')}; echo $b; fi
done > $OUT/$SLURM_JOB_ID.names
mv $OUT/$SLURM_JOB_ID.names $OUT/$SLURM_JOB_ID.has
${wait}`;

interface Held {
  readonly job: number;
  /** By its bundle. */
  readonly logins: Readonly<Record<string, Login>>;
}

async function hold(
  node: Node,
  args: readonly string[] = [],
  user: 'games' | 'news' = 'games',
): Promise<Held> {
  const job = await site.submit(script, { user, ...on(node, ...args) });
  await site.slurm.waitFor('it says what it has', () => site.isTold(`${job}.has`));
  const logins: Record<string, Login> = {};
  for (const name of (await site.read(`${job}.has`)).split('\n').filter((line) => line !== '')) {
    const login = await jobs.loginOf(job, node, name);
    expect(await jobs.canLogin(login)).toBe(true);
    logins[name] = login;
  }
  return { job, logins };
}

async function over(...held: readonly Held[]): Promise<void> {
  for (const { job } of held) await jobs.release(job);
  await jobs.expectOver(
    held.map(({ job }) => job),
    held.flatMap(({ logins }) => Object.values(logins)),
  );
}

const namesOf = ({ logins }: Held) => Object.keys(logins);
const wish = (...bundles: readonly string[]) => `--comment=leasehold=${bundles.join(',')}`;

/** What the audit log says of the run of that job, in its order. */
async function records(job: number, action: string): Promise<readonly unknown[]> {
  const lines = (await site.audit()).split('\n').filter((line) => line !== '');
  return lines
    .map((line): unknown => JSON.parse(line))
    .filter((record) => valueAt(record, 'job') === String(job) && valueAt(record, 'action') === action);
}

/** Which rule gave which bundle, as the audit log has it. */
async function rulesOf(job: number): Promise<Readonly<Record<string, unknown>>> {
  const granted = (await records(job, 'open')).filter((record) => valueAt(record, 'outcome') === 'ok');
  return Object.fromEntries(
    granted.map((record) => [String(valueAt(record, 'bundle')), valueAt(record, 'rule')]),
  );
}

/** Account and QOS of the run as the broker has it from its sessions. */
async function runOf(job: number): Promise<{ readonly account: unknown; readonly qos: unknown }> {
  const listed = await site.command('session', 'list', '--job', String(job), '--output', 'json');
  const run = valueAt(JSON.parse(listed.stdout), 'sessions', '0', 'run');
  return { account: valueAt(run, 'account'), qos: valueAt(run, 'qos') };
}

/** Why a run of `games` with these facts has the bundle or does not. */
async function explained(name: string, ...facts: readonly string[]): Promise<unknown> {
  const run = ['--cluster', 'hpc', '--user', 'games', '--partition', 'gpu', '--accounting-enforced'];
  const answer = await site.command('explain', '--bundle', name, ...run, ...facts, '--output', 'json');
  return JSON.parse(answer.stdout);
}

async function isRefusedBySlurm(user: 'games' | 'news', args: readonly string[], why: RegExp): Promise<void> {
  await expect(site.submit('true', { user, args })).rejects.toThrow(why);
}

const parts = ['vault', 'postgres', 'slurm', 'slurm-accounting'] as const;

describeWith(parts, 'where accounts and QOS are enforced, a job', () => {
  useSlurmSite((...started) => ([site, jobs] = started), {
    policy,
    accounting: { enforce: 'associations,limits,qos', registered },
  });

  it.concurrent('has what grants by its account allow, and nothing by an account of other jobs', async () => {
    await isRefusedBySlurm('games', ['--account=astro'], /Invalid account/);
    const first = await hold('n1', [wish('chem')]);
    const second = await hold('n1', ['--account=CHEM']);
    expect(namesOf(first)).toEqual(['common', 'phys']);
    expect(namesOf(second)).toEqual(['common', 'chem']);
    const facts = { user: 'games', account: 'phys', partition: 'gpu' };
    expect(await records(first.job, 'run_register')).toMatchObject([
      { ...facts, outcome: 'ok', bundle: 'common phys' },
      { ...facts, outcome: 'refused', code: 'not_granted', bundle: 'chem' },
    ]);
    expect(await rulesOf(first.job)).toEqual({ common: 'of-all', phys: 'of-phys' });
    expect(await records(second.job, 'run_register')).toMatchObject([
      { account: 'chem', outcome: 'ok', bundle: 'common chem' },
    ]);
    expect(await rulesOf(second.job)).toEqual({ common: 'of-all', chem: 'of-chem' });
    expect(await runOf(first.job)).toEqual({ account: 'phys', qos: 'normal' });
    expect(await explained('chem', '--account', 'phys', '--qos', 'normal')).toMatchObject({
      code: 'not_granted',
      rules: [{ rule: 'of-chem', failed: 'account' }],
    });
    await over(first, second);
  });

  it.concurrent('has what a grant by its QOS allows, and without that QOS it does not', async () => {
    await isRefusedBySlurm('news', ['--qos=fast'], /Invalid qos/);
    const asked = await hold('n2', ['--qos=fast']);
    const usual = await hold('n2', [wish('fast')]);
    expect(namesOf(asked)).toEqual(['common', 'phys', 'fast']);
    expect(namesOf(usual)).toEqual(['common', 'phys']);
    expect(await records(asked.job, 'run_register')).toMatchObject([
      { outcome: 'ok', bundle: 'common phys fast' },
    ]);
    expect(await rulesOf(asked.job)).toEqual({ common: 'of-all', phys: 'of-phys', fast: 'of-fast' });
    expect(await runOf(asked.job)).toEqual({ account: 'phys', qos: 'fast' });
    expect(await records(usual.job, 'run_register')).toMatchObject([
      { outcome: 'ok', bundle: 'common phys' },
      { outcome: 'refused', code: 'not_granted', bundle: 'fast' },
    ]);
    expect(await rulesOf(usual.job)).toEqual({ common: 'of-all', phys: 'of-phys' });
    expect(await explained('fast', '--account', 'phys', '--qos', 'normal')).toMatchObject({
      code: 'not_granted',
      rules: [{ rule: 'of-fast', failed: 'qos' }],
    });
    await over(asked, usual);
  });

  it.concurrent('is without what a rule denies its QOS', async () => {
    const held = await hold('n3', ['--qos=scavenger', wish('common')]);
    expect(namesOf(held)).toEqual(['phys']);
    expect(await records(held.job, 'run_register')).toMatchObject([
      { outcome: 'ok', bundle: 'phys' },
      { outcome: 'refused', code: 'not_granted', bundle: 'common' },
    ]);
    expect(await rulesOf(held.job)).toEqual({ phys: 'of-phys' });
    expect(await runOf(held.job)).toEqual({ account: 'phys', qos: 'scavenger' });
    expect(await explained('common', '--account', 'phys', '--qos', 'scavenger')).toMatchObject({
      code: 'not_granted',
      rule: 'not-scavenger',
    });
    await over(held);
  });

  it.concurrent('loses it when its account is revoked, and jobs of other accounts keep theirs', async () => {
    const revoked = await hold('n4', ['--account=bio']);
    const kept = await hold('n4', [], 'news');
    expect(namesOf(revoked)).toEqual(['common']);
    const told = await site.command('revoke', '--account', 'bio', '--reason', 'drill', '--yes');
    expect(told.status, told.stderr).toBe(0);
    for (const login of Object.values(revoked.logins))
      await site.slurm.waitFor('the login is gone', () => jobs.isGone(login));
    const ends = () => records(revoked.job, 'revoke');
    await site.slurm.waitFor('the end is on record', async () => (await ends()).length > 0);
    expect(await ends()).toMatchObject([
      { account: 'bio', bundle: 'common', rule: 'of-all', reason: 'admin: drill' },
    ]);
    expect(await records(kept.job, 'revoke')).toEqual([]);
    for (const login of Object.values(kept.logins)) expect(await jobs.canLogin(login)).toBe(true);
    await over(revoked, kept);
  });
});

describeWith(parts, 'where associations alone are enforced, a job', () => {
  useSlurmSite((...started) => ([site, jobs] = started), {
    policy,
    accounting: { enforce: 'associations', registered },
  });

  const expectDoubt = async (held: Held): Promise<void> => {
    expect(namesOf(held)).toEqual(['phys']);
    expect(await records(held.job, 'run_register')).toMatchObject([
      { account: 'phys', outcome: 'ok', bundle: 'phys' },
      { account: 'phys', outcome: 'refused', code: 'not_granted', bundle: 'common fast' },
    ]);
    expect(await rulesOf(held.job)).toEqual({ phys: 'of-phys' });
    expect(await runOf(held.job)).toEqual({ account: 'phys', qos: null });
  };

  it.concurrent(
    'has any QOS by asking, and nothing by it; what a rule denies any QOS is denied',
    async () => {
      const held = await hold('n1', ['--qos=fast', wish('common', 'fast')], 'news');
      const shown = await site.slurm.command('squeue', '-h', '-j', String(held.job), '-o', '%q');
      expect(shown.trim()).toBe('fast');
      await expectDoubt(held);
      expect(await explained('fast', '--account', 'phys')).toMatchObject({
        code: 'not_granted',
        rules: [{ rule: 'of-fast', failed: 'qos (nobody vouches for one)' }],
      });
      expect(await explained('common', '--account', 'phys')).toMatchObject({
        code: 'not_granted',
        rule: 'not-scavenger',
      });
      await over(held);
    },
  );

  it.concurrent(
    'is in the same doubt with the QOS that the site gave it, and its account counts',
    async () => {
      await isRefusedBySlurm('news', ['--account=chem'], /Invalid account/);
      const held = await hold('n2', [wish('common', 'fast')], 'news');
      await expectDoubt(held);
      await over(held);
    },
  );
});
