import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { parsePolicy, policyRevision } from '../../../src/policy/policy-file.ts';
import { fullPolicy } from './policy-text.ts';

const problems = (text: string): string => {
  try {
    parsePolicy(text);
  } catch (error) {
    if (error instanceof LeaseholdError && error.code === 'config_invalid') return error.detail ?? '';
    throw error;
  }
  return '';
};

/** The full policy with one piece of it replaced. */
const changed = (from: string, to: string): string => {
  if (!fullPolicy.includes(from)) throw new Error(`the policy has no ${from}`);
  return fullPolicy.replace(from, to);
};

describe('parsePolicy', () => {
  it.each([
    ['a bundle without outage', '    outage: { mode: keep }\n', '', 'bundles.static.outage: is required'],
    [
      'another fate of a run',
      'nodeWithoutSecrets: cancel_job',
      'nodeWithoutSecrets: end',
      'bundles.app-db.nodeWithoutSecrets:',
    ],
    [
      'an outage without its time',
      '{ mode: wipe, after: 10m }',
      '{ mode: wipe }',
      'bundles.app-db.outage.after: is required with mode wipe',
    ],
    ['an unknown key', 'refresh: 30s', 'refreshh: 30s', 'bundles.app-db.refreshh: unknown key'],
    ['a ttl longer than maxTtl', 'ttl: 2m', 'ttl: 2h', 'bundles.static.ttl: must be at most maxTtl'],
    [
      'leases of its own without any',
      'ttl: 2m',
      'ttl: 2m\n    perNode: true',
      'bundles.static.perNode: needs a leased secret in the bundle',
    ],
    ['an unbounded maxTtl', 'maxTtl: 24h', 'maxTtl: 91d', 'bundles.app-db.maxTtl: must be from 10s to 90d'],
    ['a duration that is a number', 'ttl: 1h', 'ttl: 3600', 'bundles.app-db.ttl: must be a text'],
    [
      'an overlap longer than ttl',
      'overlap: 5m',
      'overlap: 16m',
      'bundles.app-db.overlap: must be at most a quarter of ttl',
    ],
    [
      'rotation not slower than overlap',
      'rotateEvery: 12h',
      'rotateEvery: 5m',
      'bundles.app-db.rotateEvery: must be more than overlap',
    ],
    [
      'rotation not faster than maxTtl',
      'rotateEvery: 12h',
      'rotateEvery: 24h',
      'bundles.app-db.rotateEvery: must be less than maxTtl',
    ],
    [
      'rotation of static secrets',
      'ttl: 2m',
      'ttl: 2m\n    rotateEvery: 10m',
      'bundles.static.rotateEvery: needs a leased secret',
    ],
    [
      'a token role outside the broker policy',
      'leasehold-static',
      'admin',
      'bundles.static.tokenRole: must be leasehold-',
    ],
    [
      'a token role with a slash',
      'leasehold-static',
      'leasehold-a/b',
      'bundles.static.tokenRole: must be leasehold-',
    ],
    [
      'a shared token role',
      'leasehold-static',
      'leasehold-app-db',
      'bundles.static.tokenRole: is used by another bundle',
    ],
    ['a bundle name with a wildcard', '  static:', '  "st*":', 'bundles["st*"]: must be 1 to 63'],
    [
      'a secret path with ..',
      'path: app/api } } }',
      'path: app/../api } } }',
      'path: must have no . or .. segment',
    ],
    ['an empty segment', 'database/creds/app', 'database//app', 'leased: must have no empty segment'],
    ['a leading slash', 'database/creds/app', '/database/creds/app', 'leased: must have no empty segment'],
    ['a wildcard in a path', 'database/creds/app', '"database/creds/*"', 'leased: may have letters, digits'],
    ['a policy wildcard segment', 'database/creds/app', 'database/+/app', 'leased: may have letters, digits'],
    ['an encoded path', 'database/creds/app', 'database/creds%2fapp', 'leased: may have letters, digits'],
    ['a read of sys', 'pki/cert/ca', 'sys/mounts', 'read: must not start with sys, auth or cubbyhole'],
    [
      'a read of auth',
      'pki/cert/ca',
      'Auth/token/lookup-self',
      'read: must not start with sys, auth or cubbyhole',
    ],
    ['a mount of sys', 'mount: old/kv', 'mount: sys', 'kv1.mount: must not start with sys'],
    [
      'two sources for one secret',
      '{ leased: database/creds/app }',
      '{ leased: a/b, read: a/b }',
      'secrets.db: must have exactly one of',
    ],
    ['no source', '{ leased: database/creds/app }', '{}', 'secrets.db: must have exactly one of'],
    ['a secret name with a dot', '      ca: {', '      c.a: {', 'secrets["c.a"]: must be 1 to 63'],
    ['a secret that no file uses', 'ca={{ ca.certificate }}', '', 'secrets.ca: is used by no file'],
    [
      'a file of an unknown secret',
      '{ secret: api, format: json }',
      '{ secret: nope, format: json }',
      'files["api.json"].secret: names a secret that the bundle does not have',
    ],
    [
      'a template of an unknown secret',
      'ca.certificate',
      'nope.certificate',
      'files[".url"].template: names a secret that the bundle does not have',
    ],
    ['a broken template', '{{ db.username }}', '{{ db.username', 'the template is not valid at its line 1'],
    [
      'a raw file without field',
      '{ secret: api, field: key }',
      '{ secret: api }',
      'files.key: must name a field',
    ],
    [
      'a json file with field',
      '{ secret: api, format: json }',
      '{ secret: api, format: json, field: a }',
      'a field goes with the format raw only',
    ],
    [
      'a template with a secret',
      '{ secret: api, field: key }',
      '{ secret: api, template: x }',
      'files.key: a template stands alone',
    ],
    ['a file of nothing', '{ secret: api, field: key }', '{}', 'files.key: must have a secret or a template'],
    [
      'a path that leaves the folder',
      '      api.json',
      '      ../api.json',
      'must have no segment that is . or starts with ..',
    ],
    ['an absolute path', '      api.json', '      /etc/api.json', 'must be relative'],
    [
      'a path of the delivery itself',
      '      api.json',
      '      ..data/api.json',
      'must have no segment that is . or starts with ..',
    ],
    ['the generation file', '      api.json', '      generation', 'must not start with generation'],
    ['a path with a control character', '      api.json', '      "a\\nb"', 'may have letters, digits'],
    ['a file below a file', '      api.json', '      db/password/x', 'lies below another file of the bundle'],
    ['the same path twice', '      api.json', '      db/password', 'this key stands twice'],
    ['a world-readable mode', '"0440"', '"0444"', 'mode: must give nothing to users outside owner and group'],
    ['a set-id mode', '"0440"', '"4440"', 'mode: must be 0 and three octal digits'],
    ['an unreadable mode', '"0440"', '"0040"', 'mode: must let the owner read'],
    ['a mode that YAML reads as decimal', '"0440"', '0440', 'mode: must be octal digits in quotes'],
    ['a negative owner', 'uid: 1000', 'uid: -1', 'uid: must be at least 0'],
    [
      'a grant of an unknown bundle',
      '[app-db, "stat*"]',
      '[app-db, nope]',
      'grants[0].allow: names a bundle that does not exist',
    ],
    [
      'a deny pattern that matches nothing',
      'deny: "*"',
      'deny: "nope-*"',
      'grants[1].deny: names a bundle that does not exist',
    ],
    [
      'a grant without namespace',
      '{ cluster: "*", namespace: "*", labels',
      '{ cluster: "*", labels',
      'grants[1].pods.namespace: is required',
    ],
    ['a grant without cluster', '      cluster: prod\n', '', 'grants[0].pods.cluster: is required'],
    [
      'an empty list',
      'namespace: [shop, "shop-*"]',
      'namespace: []',
      'grants[0].pods.namespace: must not be empty',
    ],
    [
      'a number as a pattern',
      'node: "*"',
      'node: 12',
      'grants[0].pods.node: must be a text or a list of texts',
    ],
    [
      'a glob sign that is not one here',
      'pod: "app-*"',
      'pod: "app-?"',
      'grants[0].pods.pod[0]: must be 1 to 253',
    ],
    ['a tag instead of a digest', `sha256:${'a'.repeat(64)}`, 'v1', 'imageDigests[0]: must be sha256:'],
    [
      'a label key that is none',
      '{ debug: "*" }',
      '{ "de bug": "*" }',
      'labels["de bug"]: must be a Kubernetes label key',
    ],
    ['two grants of one name', 'name: no-debug', 'name: app', 'grants[1].name: is used by another grant'],
    [
      'allow and deny in one',
      'deny: "*"',
      'deny: "*"\n    allow: "*"',
      'grants[1]: must have exactly one of allow and deny',
    ],
    ['neither allow nor deny', '    deny: "*"\n', '', 'grants[1]: must have exactly one of allow and deny'],
    [
      'a deny with maxTtl',
      'deny: "*"',
      'deny: "*"\n    maxTtl: 1h',
      'grants[1].maxTtl: goes with allow only',
    ],
  ])('refuses %s', (_, from, to, expected) => {
    expect(problems(changed(from, to))).toContain(expected);
  });

  it('reads everything into the shared types', () => {
    const { bundles, grants } = parsePolicy(fullPolicy);
    expect(bundles.get('app-db')).toEqual({
      name: 'app-db',
      tokenRole: 'leasehold-app-db',
      ttlSeconds: 3600,
      maxSeconds: 86_400,
      rotateSeconds: 43_200,
      overlapSeconds: 300,
      refreshSeconds: 30,
      outage: { mode: 'wipe', afterSeconds: 600 },
      perNode: true,
      nodeWithoutSecrets: 'cancel_job',
      secrets: [
        { name: 'db', kind: 'leased', engine: 'read', path: 'database/creds/app' },
        { name: 'api', kind: 'static', engine: 'kv2', path: 'kv/data/app/api' },
        { name: 'old', kind: 'static', engine: 'kv1', path: 'old/kv/app' },
        { name: 'ca', kind: 'static', engine: 'read', path: 'pki/cert/ca' },
      ],
      files: [
        {
          path: 'db/password',
          mode: 0o400,
          uid: 1000,
          gid: 1000,
          content: { format: 'raw', secret: 'db', field: 'password' },
        },
        { path: 'api.json', mode: 0o440, content: { format: 'json', secret: 'api' } },
        { path: 'old.env', mode: 0o440, content: { format: 'dotenv', secret: 'old' } },
        {
          path: '.url',
          mode: 0o440,
          content: { format: 'template', template: expect.stringContaining('postgres://') as string },
        },
      ],
    });
    expect(bundles.get('static')).toMatchObject({
      overlapSeconds: 30,
      refreshSeconds: 60,
      outage: { mode: 'keep', afterSeconds: 0 },
    });
    expect(grants).toEqual([
      {
        name: 'app',
        effect: 'allow',
        bundles: ['app-db', 'stat*'],
        maxSeconds: 28_800,
        pods: {
          cluster: ['prod'],
          namespace: ['shop', 'shop-*'],
          serviceAccount: ['app'],
          pod: ['app-*'],
          node: ['*'],
          labels: [
            { key: 'team', values: ['a', 'b'] },
            { key: 'app.kubernetes.io/name', values: [''] },
          ],
          imageDigests: [`sha256:${'a'.repeat(64)}`],
        },
      },
      {
        name: 'no-debug',
        effect: 'deny',
        bundles: ['*'],
        pods: { cluster: ['*'], namespace: ['*'], labels: [{ key: 'debug', values: ['*'] }] },
      },
    ]);
  });

  it('accepts a policy that grants nothing', () => {
    expect(parsePolicy('bundles: {}\ngrants: []')).toEqual({ bundles: new Map(), grants: [] });
  });

  it('names the problems of several bundles at once, in the order of the file', () => {
    const text = changed('overlap: 5m', 'overlap: 16m')
      .replace('ttl: 2m', 'ttl: 2h')
      .replace('pod: "app-*"', 'pod: ""');
    expect(
      problems(text)
        .split('\n')
        .map((line) => line.replace(/:.*/, '')),
    ).toEqual(['bundles.app-db.overlap', 'bundles.static.ttl', 'grants[0].pods.pod[0]']);
  });

  it('throws nothing but config_invalid, and no rejected value, whatever a line is replaced with', () => {
    const lines = fullPolicy.split('\n');
    const value = fc.oneof(
      fc.constantFrom('hunter2', '12', '-', '[]', '{}', 'null', '"', '*hunter2', 'true'),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.nat(lines.length - 1), value, (index, replacement) => {
        const replaced = lines.map((line, at) =>
          at === index ? line.replace(/(:|-) .*/, `$1 ${replacement}`) : line,
        );
        expect(problems(replaced.join('\n')).replace(/^.*: unknown key.*$/gm, '')).not.toContain('hunter2');
      }),
      { numRuns: 150 },
    );
  });
});

describe('policyRevision', () => {
  it('is short, stable and of the text', () => {
    expect(policyRevision('')).toBe('e3b0c44298fc');
    expect(policyRevision('a')).not.toBe(policyRevision('b'));
  });
});
