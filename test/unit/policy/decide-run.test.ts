import { describe, expect, it } from 'vitest';
import type { RunIdentity } from '../../../src/identity/identity.ts';
import type { Bundle } from '../../../src/policy/bundle.ts';
import { bundlesForRun, decide } from '../../../src/policy/decide.ts';
import type { Grant, GrantRule, Policy, RunConditions } from '../../../src/policy/grant.ts';
import { matchesSelector, type Selector } from '../../../src/policy/selector.ts';
import { requireSelector } from '../../../src/policy/selector-parse.ts';

const aBundle = (name: string): Bundle => ({
  name,
  tokenRole: `leasehold-${name}`,
  secrets: [{ name: 's', kind: 'static', engine: 'kv2', path: 'kv/data/s' }],
  files: [{ path: 's', mode: 0o400, content: { format: 'json', secret: 's' } }],
  ttlSeconds: 600,
  maxSeconds: 3600,
  overlapSeconds: 60,
  refreshSeconds: 60,
  outage: { mode: 'keep', afterSeconds: 0 },
  perNode: false,
  nodeWithoutSecrets: 'fail_tasks',
});

const aRun = (changes: Partial<RunIdentity> = {}): RunIdentity => ({
  kind: 'run',
  workload: 'run/hpc/12/1700000000',
  spiffeId: 'spiffe://example.org/slurm/hpc/user/alice/job/12/run/1700000000',
  cluster: 'hpc',
  jobId: 12,
  start: 1_700_000_000,
  array: undefined,
  het: undefined,
  uid: 20_001,
  gid: 20_001,
  user: 'alice',
  group: 'users',
  partition: 'gpu',
  account: 'physics',
  qos: 'normal',
  accountingEnforced: true,
  nodes: ['n1', 'n2'],
  ...changes,
});

const aGrant = (
  runs: Partial<RunConditions> = {},
  changes: Partial<Omit<GrantRule, 'name'>> & { readonly name?: string } = {},
): Grant => ({
  name: 'rule',
  effect: 'allow',
  bundles: ['db'],
  ...changes,
  runs: { cluster: ['hpc'], ...runs },
});

const aPolicy = (...grants: readonly Grant[]): Policy => ({
  bundles: new Map(['db', 'web'].map((name) => [name, aBundle(name)])),
  grants,
});

const failedAt = (runs: Partial<RunConditions>, run: RunIdentity): string | undefined =>
  decide(aPolicy(aGrant(runs)), run, 'db').trace[0]?.failed;

describe('a rule for runs', () => {
  it('never matches a pod, and one for pods never a run', () => {
    const pods: Grant = {
      name: 'pods',
      effect: 'allow',
      bundles: ['db'],
      pods: { cluster: ['*'], namespace: ['*'] },
    };
    expect(decide(aPolicy(pods), aRun(), 'db')).toMatchObject({
      allowed: false,
      code: 'not_granted',
      trace: [{ matched: false, failed: 'pods' }],
    });
  });

  const rows: readonly [string, Partial<RunConditions>, Partial<RunIdentity>][] = [
    ['cluster', { cluster: ['other'] }, {}],
    ['user', { user: ['bob', 'carol'] }, {}],
    ['group', { group: ['staff'] }, {}],
    ['partition', { partition: ['cpu-*'] }, {}],
    ['account', { account: ['chemistry'] }, {}],
    ['qos', { qos: ['high'] }, {}],
    ['array', { array: true }, {}],
    ['array', { array: false }, { array: { jobId: 10, taskId: 2 } }],
    ['node', { node: ['n1'] }, {}],
    ['node', { node: ['n*'] }, { nodes: [] }],
    ['account (accounting is not enforced)', { account: ['physics'] }, { accountingEnforced: false }],
    ['qos (accounting is not enforced)', { qos: ['*'] }, { accountingEnforced: false }],
    ['qos (nobody vouches for one)', { qos: ['*'] }, { qos: '' }],
    ['account (nobody vouches for one)', { account: ['*'] }, { account: '' }],
  ];
  it.each(rows)('is refused at %s', (condition, runs, run) => {
    expect(failedAt(runs, aRun(run))).toBe(condition);
  });

  it('matches by everything that the scheduler vouches for', () => {
    const all: RunConditions = {
      cluster: ['hpc'],
      user: ['al*'],
      group: ['users'],
      partition: ['gpu'],
      account: ['physics'],
      qos: ['normal'],
      node: ['n1', 'n2'],
      array: false,
    };
    expect(decide(aPolicy(aGrant(all)), aRun(), 'db')).toMatchObject({
      allowed: true,
      rule: 'rule',
      deliver: 'always',
    });
  });

  it('that denies is satisfied by one node, and by an account that nobody vouches for', () => {
    const deny = (runs: Partial<RunConditions>) =>
      aPolicy(aGrant(), aGrant(runs, { name: 'no', effect: 'deny' }));
    expect(decide(deny({ node: ['n2'] }), aRun(), 'db')).toMatchObject({ allowed: false, rule: 'no' });
    expect(decide(deny({ node: ['n3'] }), aRun(), 'db')).toMatchObject({ allowed: true });
    const unvouched = aRun({ accountingEnforced: false, account: 'innocent' });
    expect(decide(deny({ account: ['evil'] }), unvouched, 'db')).toMatchObject({
      allowed: false,
      rule: 'no',
    });
    // Of a Slurm that tells none, or lets any user have any.
    for (const nameless of [aRun({ qos: '' }), aRun({ qos: '', accountingEnforced: false })])
      expect(decide(deny({ qos: ['scavenger'] }), nameless, 'db')).toMatchObject({
        allowed: false,
        rule: 'no',
      });
    expect(decide(deny({ qos: ['scavenger'] }), aRun(), 'db')).toMatchObject({ allowed: true });
  });
});

describe('what a run is to get', () => {
  const policy = aPolicy(
    aGrant(),
    aGrant({}, { name: 'asked', bundles: ['web'], deliver: 'on_request' }),
    aGrant({ user: ['mallory'] }, { name: 'not-her', bundles: ['*'], effect: 'deny' }),
  );

  it('is what is delivered always, and what its job asks for and may have', () => {
    expect(bundlesForRun(policy, aRun(), [])).toEqual({ bundles: ['db'], refused: [] });
    expect(bundlesForRun(policy, aRun(), ['web', 'web'])).toEqual({ bundles: ['db', 'web'], refused: [] });
  });

  it('leaves out what is denied or unknown, and says so of what was asked for', () => {
    expect(bundlesForRun(policy, aRun({ user: 'mallory' }), ['web', 'nothing'])).toEqual({
      bundles: [],
      refused: [
        { bundle: 'web', code: 'not_granted' },
        { bundle: 'nothing', code: 'bundle_unknown' },
      ],
    });
  });
});

describe('a selector', () => {
  const matches = (selector: Selector, run = aRun()) =>
    matchesSelector(selector, { identity: run, bundle: 'db', session: 'ses_1' });

  it('finds runs by job, array, component, user, account, partition and any node', () => {
    for (const selector of [
      { job: '12' },
      { user: 'a*' },
      { account: 'physics' },
      { partition: 'gpu' },
      { node: 'n2' },
      { cluster: 'hpc', bundle: 'db' },
    ])
      expect(matches(selector), JSON.stringify(selector)).toBe(true);
    expect(matches({ array: '10' }, aRun({ array: { jobId: 10, taskId: 2 } }))).toBe(true);
    expect(matches({ job: '11' }, aRun({ het: { jobId: 11, offset: 1 } }))).toBe(true);
  });

  it('of pods never finds a run', () => {
    for (const selector of [
      { namespace: '*' },
      { pod: '*' },
      { serviceAccount: '*' },
      { podUid: 'x' },
      { imageDigest: `sha256:${'a'.repeat(64)}` },
      { job: '1' },
      { array: '12' },
      { node: 'n3' },
    ])
      expect(matches(selector), JSON.stringify(selector)).toBe(false);
  });

  it('takes a job id and nothing else for a job', () => {
    expect(requireSelector({ job: '12', user: 'alice' })).toEqual({ job: '12', user: 'alice' });
    for (const job of ['0', '012', '1*', '1_2', '-1', '99999999999'])
      expect(() => requireSelector({ job })).toThrow();
  });
});
