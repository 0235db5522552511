import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PodIdentity } from '../../../src/identity/identity.ts';
import type { Bundle } from '../../../src/policy/bundle.ts';
import { decide } from '../../../src/policy/decide.ts';
import type { Grant, GrantRule, PodConditions, Policy } from '../../../src/policy/grant.ts';

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;

const aBundle = (name: string): Bundle => ({
  name,
  tokenRole: `leasehold-${name}`,
  secrets: [{ name: 's', kind: 'static', engine: 'kv2', path: 'kv/data/s' }],
  files: [{ path: 's', mode: 0o440, content: { format: 'json', secret: 's' } }],
  ttlSeconds: 600,
  maxSeconds: 3600,
  overlapSeconds: 60,
  refreshSeconds: 60,
  outage: { mode: 'keep', afterSeconds: 0 },
  perNode: false,
  nodeWithoutSecrets: 'fail_tasks',
});

const aPod = (changes: Partial<PodIdentity> = {}): PodIdentity => ({
  kind: 'pod',
  workload: 'pod/prod/uid',
  spiffeId: 'spiffe://example.org/k8s/prod/ns/shop/sa/app/pod/uid',
  cluster: 'prod',
  namespace: 'shop',
  serviceAccount: 'app',
  serviceAccountUid: 'sa-uid',
  pod: 'app-1',
  podUid: 'uid',
  node: 'n1',
  labels: { team: 'a' },
  images: { known: true, digests: [digest('a')] },
  ...changes,
});

const anyPod: PodConditions = { cluster: ['*'], namespace: ['*'] };

const aGrant = (name: string, changes: Partial<GrantRule & { pods: PodConditions }> = {}): Grant => ({
  name,
  effect: 'allow',
  bundles: ['db'],
  pods: anyPod,
  ...changes,
});

const aPolicy = (...grants: readonly Grant[]): Policy => ({
  bundles: new Map(['db', 'web'].map((name) => [name, aBundle(name)])),
  grants,
});

const withPods = (pods: Partial<PodConditions>, effect: Grant['effect'] = 'allow'): Policy =>
  effect === 'allow'
    ? aPolicy(aGrant('rule', { pods: { ...anyPod, ...pods } }))
    : aPolicy(aGrant('yes'), aGrant('no', { effect, pods: { ...anyPod, ...pods } }));

describe('decide', () => {
  it('refuses what no rule names', () => {
    expect(decide(aPolicy(), aPod(), 'db')).toEqual({
      allowed: false,
      code: 'not_granted',
      rule: undefined,
      trace: [],
    });
  });

  it('answers an unknown bundle in the same shape, whatever rule would match its name', () => {
    const decision = decide(aPolicy(aGrant('all', { bundles: ['*'] })), aPod(), 'nope');
    expect(decision).toMatchObject({ allowed: false, code: 'bundle_unknown', rule: undefined });
    expect(Object.keys(decision).sort()).toEqual(Object.keys(decide(aPolicy(), aPod(), 'db')).sort());
  });

  it.each(['constructor', '__proto__', 'db\n', 'DB', ' db', '*', 'd*', ''])(
    'knows no bundle named %j',
    (name) => {
      expect(decide(aPolicy(aGrant('all', { bundles: ['*'] })), aPod(), name)).toMatchObject({
        allowed: false,
        code: 'bundle_unknown',
      });
    },
  );

  it('lets a deny win wherever it stands and names it', () => {
    const deny = aGrant('no', { effect: 'deny' });
    for (const grants of [
      [deny, aGrant('yes')],
      [aGrant('yes'), deny],
    ])
      expect(decide(aPolicy(...grants), aPod(), 'db')).toMatchObject({
        allowed: false,
        code: 'not_granted',
        rule: 'no',
      });
  });

  it('names the first matching allow and keeps the shorter of both limits', () => {
    const policy = aPolicy(
      aGrant('other', { pods: { ...anyPod, cluster: ['test'] } }),
      aGrant('first', { maxSeconds: 900 }),
      aGrant('second', { maxSeconds: 60 }),
    );
    expect(decide(policy, aPod(), 'db')).toMatchObject({ allowed: true, rule: 'first', maxSeconds: 900 });
    expect(decide(aPolicy(aGrant('long', { maxSeconds: 7200 })), aPod(), 'db')).toMatchObject({
      maxSeconds: 3600,
    });
    expect(decide(aPolicy(aGrant('none')), aPod(), 'db')).toMatchObject({ maxSeconds: 3600 });
  });

  it.each([
    ['cluster', { cluster: ['test'] }],
    ['namespace', { namespace: ['Shop', 'sho', 'shop-*'] }],
    ['serviceAccount', { serviceAccount: ['ap'] }],
    ['pod', { pod: ['app-2*'] }],
    ['node', { node: ['n2'] }],
    ['labels.team', { labels: [{ key: 'team', values: ['b'] }] }],
    ['labels.gone', { labels: [{ key: 'gone', values: ['*'] }] }],
    ['labels.constructor', { labels: [{ key: 'constructor', values: ['*'] }] }],
    ['imageDigests', { imageDigests: [digest('b')] }],
  ] satisfies [string, Partial<PodConditions>][])(
    'traces %s as the condition that failed',
    (failed, pods) => {
      expect(decide(withPods(pods), aPod(), 'db')).toMatchObject({
        allowed: false,
        trace: [{ rule: 'rule', effect: 'allow', matched: false, failed }],
      });
      expect(decide(withPods(pods, 'deny'), aPod(), 'db')).toMatchObject({ allowed: true, rule: 'yes' });
    },
  );

  it('traces only rules that name the bundle', () => {
    const decision = decide(aPolicy(aGrant('web', { bundles: ['web'] }), aGrant('db')), aPod(), 'db');
    expect(decision.trace).toEqual([{ rule: 'db', effect: 'allow', matched: true, failed: undefined }]);
  });

  describe('image digests', () => {
    const images = {
      unknown: { known: false },
      none: { known: true, digests: [] },
      listed: { known: true, digests: [digest('a'), digest('b')] },
      mixed: { known: true, digests: [digest('a'), digest('c')] },
      foreign: { known: true, digests: [digest('c')] },
    } as const;
    const listed = { imageDigests: [digest('a'), digest('b')] };

    it.each([
      ['unknown', false, false],
      ['none', false, false],
      ['listed', true, false],
      ['mixed', false, false],
      ['foreign', false, true],
    ] as const)(
      'that are %s: an allow matches %s, beside a deny it stays allowed %s',
      (kind, allow, besideDeny) => {
        const pod = aPod({ images: images[kind] });
        expect(decide(withPods(listed), pod, 'db').allowed).toBe(allow);
        expect(decide(withPods(listed, 'deny'), pod, 'db').allowed).toBe(besideDeny);
      },
    );
  });

  describe('properties', () => {
    const word = fc.constantFrom('a', 'b', 'ab', 'prod');
    const pattern = fc.constantFrom('a', 'b', 'a*', '*', '*b', 'prod');
    const conditions: fc.Arbitrary<PodConditions> = fc.record(
      {
        cluster: fc.array(pattern, { minLength: 1, maxLength: 2 }),
        namespace: fc.array(pattern, { minLength: 1, maxLength: 2 }),
        serviceAccount: fc.array(pattern, { minLength: 1, maxLength: 2 }),
        labels: fc.array(fc.record({ key: word, values: fc.array(pattern, { minLength: 1 }) }), {
          maxLength: 2,
        }),
        imageDigests: fc.subarray([digest('a'), digest('b')], { minLength: 1 }),
      },
      { requiredKeys: ['cluster', 'namespace'] },
    );
    const grant = (effect: fc.Arbitrary<Grant['effect']>): fc.Arbitrary<Grant> =>
      fc.record({
        name: fc.uuid(),
        effect,
        bundles: fc.array(fc.constantFrom('db', 'web', '*'), { minLength: 1, maxLength: 2 }),
        pods: conditions,
      });
    const grants = fc.array(grant(fc.constantFrom('allow', 'deny')), { maxLength: 6 });
    const pod = fc
      .record({
        cluster: word,
        namespace: word,
        serviceAccount: word,
        labels: fc.dictionary(word, word),
        images: fc.oneof(
          fc.constant({ known: false } as const),
          fc.record({
            known: fc.constant(true as const),
            digests: fc.subarray([digest('a'), digest('b'), digest('c')]),
          }),
        ),
      })
      .map(aPod);
    const bundle = fc.constantFrom('db', 'web', 'nope');

    it('a further deny never allows more, a further allow never less', () => {
      fc.assert(
        fc.property(
          grants,
          grant(fc.constantFrom('allow', 'deny')),
          fc.nat(6),
          pod,
          bundle,
          (rules, added, at, who, name) => {
            const before = decide(aPolicy(...rules), who, name).allowed;
            const after = decide(
              aPolicy(...rules.slice(0, at), added, ...rules.slice(at)),
              who,
              name,
            ).allowed;
            if (added.effect === 'deny') expect(before || !after).toBe(true);
            else expect(after || !before).toBe(true);
          },
        ),
        { numRuns: 400 },
      );
    });

    it('the order of rules never changes whether it is allowed', () => {
      fc.assert(
        fc.property(
          grants.chain((rules) =>
            fc.tuple(fc.constant(rules), fc.shuffledSubarray(rules, { minLength: rules.length })),
          ),
          pod,
          bundle,
          ([rules, shuffled], who, name) => {
            expect(decide(aPolicy(...shuffled), who, name).allowed).toBe(
              decide(aPolicy(...rules), who, name).allowed,
            );
          },
        ),
        { numRuns: 400 },
      );
    });

    it('unknown images never turn a refusal into an allow', () => {
      fc.assert(
        fc.property(grants, pod, bundle, (rules, who, name) => {
          const unknown = decide(aPolicy(...rules), { ...who, images: { known: false } }, name).allowed;
          if (unknown) expect(decide(aPolicy(...rules), who, name).allowed).toBe(true);
        }),
        { numRuns: 400 },
      );
    });

    it('a value matches a pattern only as its characters say, whatever the value holds', () => {
      const hostile = fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.constantFrom(
          '*',
          'shop\n',
          '\nshop',
          'ｓhop',
          'shop\u0000',
          'SHOP',
          'sh*p',
          'shop\u200b',
          'shop/other',
          '',
        ),
        fc.array(fc.constantFrom('shop', '*', '\n', 'a', '-')).map((parts) => parts.join('')),
      );
      const patterns = fc
        .array(fc.constantFrom('shop', '*', 'a', '-'), { minLength: 1, maxLength: 4 })
        .map((parts) => parts.join(''));
      fc.assert(
        fc.property(patterns, hostile, (text, value) => {
          const reference = new RegExp(`^${text.split('*').join('[^]*')}$(?![^])`);
          for (const field of ['cluster', 'namespace', 'serviceAccount', 'pod', 'node'] as const)
            expect(decide(withPods({ [field]: [text] }), aPod({ [field]: value }), 'db').allowed).toBe(
              reference.test(value),
            );
          const label = withPods({ labels: [{ key: 'team', values: [text] }] });
          expect(decide(label, aPod({ labels: { team: value } }), 'db').allowed).toBe(reference.test(value));
        }),
        { numRuns: 400 },
      );
    });
  });
});
