import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBrokerConfig } from '../../../src/broker/config.ts';
import { formatListen } from '../../../src/broker/config-values.ts';
import { fullBroker, leastBroker } from './broker-text.ts';

const problems = (text: string): string => {
  const outcome = parseBrokerConfig(text, '/etc/leasehold');
  return outcome.ok ? '' : outcome.problems.join('\n');
};

const changed = (from: string, to: string): string => {
  if (!fullBroker.includes(from)) throw new Error(`broker.yaml has no ${from}`);
  return fullBroker.replace(from, to);
};

describe('nodes.enrolment', () => {
  const nodes = (enrolment: string) =>
    `${leastBroker}
nodes:
  listen: 127.0.0.1:8445
  tls: { certificate: a, key: b, clientCa: c }
  enrolment: ${enrolment}
slurm: [{ name: hpc, audience: leasehold, keys: { file: k } }]
`;

  it.each([
    ['{ role: r }', 'nodes.enrolment.mount: is required'],
    ['{ mount: pki }', 'nodes.enrolment.role: is required'],
    ['{ mount: /pki, role: r }', 'nodes.enrolment.mount: '],
    ['{ mount: pki/../sys, role: r }', 'nodes.enrolment.mount: '],
    ['{ mount: pki, role: r, certificateSeconds: 60 }', 'nodes.enrolment.certificateSeconds: '],
    ['{ mount: pki, role: r, ttl: 3600 }', 'nodes.enrolment.ttl: unknown key'],
  ])('%s is refused', (enrolment, problem) => {
    expect(problems(nodes(enrolment))).toContain(problem);
  });

  it('has a life of three days unless told otherwise', () => {
    const outcome = parseBrokerConfig(nodes('{ mount: pki, role: r }'), '/etc/leasehold');
    expect(outcome).toMatchObject({
      ok: true,
      value: { nodes: { enrolment: { mount: 'pki', role: 'r', certificateSeconds: 259_200 } } },
    });
  });
});

describe('parseBrokerConfig', () => {
  it.each([
    ['an unknown key', 'drainSeconds: 90', 'drainSecond: 90', 'drainSecond: unknown key (line 44)'],
    [
      'a backend for development',
      '  allowLongLeases',
      '  memory: {}\n  allowLongLeases',
      'backend.memory: unknown key',
    ],
    [
      'a secret inline',
      'secretIdFile: secret-id',
      'secretId: hunter2',
      'backend.vault.auth.appRole.secretId: unknown key',
    ],
    ['a token inline', 'appRole: {', 'token: hunter2, appRole: {', 'backend.vault.auth.token: unknown key'],
    [
      'a listener without port',
      '0.0.0.0:8443',
      '0.0.0.0',
      'workloads.listen: must be an IP address and a port',
    ],
    [
      'a listener without host',
      '0.0.0.0:8443',
      '":8443"',
      'workloads.listen: must be an IP address and a port',
    ],
    [
      'a listener on a name',
      '0.0.0.0:8443',
      'broker.example.org:8443',
      'workloads.listen: must be an IP address and a port',
    ],
    [
      'a port out of range',
      '0.0.0.0:8443',
      '0.0.0.0:65536',
      'workloads.listen: must be an IP address and a port',
    ],
    ['IPv6 without brackets', '"[::1]:8444"', '"::1:8444"', 'admin.listen: must be an IP address and a port'],
    [
      'admin on the address of workloads',
      '"[::1]:8444"',
      '0.0.0.0:8443',
      'admin.listen: must not share the address of workloads',
    ],
    [
      'admin behind a wildcard of the same port',
      '"[::1]:8444"',
      '"[::1]:8443"',
      'admin.listen: must not share the address of workloads',
    ],
    [
      'http on the address of admin',
      '127.0.0.1:9090',
      '"[::1]:8444"',
      'http.listen: must not share the address of another listener',
    ],
    [
      'an admin without rights',
      'rights: [view] }',
      'rights: [] }',
      'admin.clients[1].rights: must not be empty',
    ],
    [
      'an unknown right',
      'rights: [view] }',
      'rights: [root] }',
      'admin.clients[1].rights[0]: must be view or revoke or settle or enrol',
    ],
    [
      'a right twice',
      'rights: [view] }',
      'rights: [view, view] }',
      'admin.clients[1].rights: must name each right once',
    ],
    [
      'an admin without a match',
      'commonName: Ada Lovelace, ',
      '',
      'admin.clients[0]: must have exactly one of commonName and uri',
    ],
    [
      'an admin with two matches',
      'commonName: Ada',
      'uri: "x:y", commonName: Ada',
      'admin.clients[0]: must have exactly one of commonName and uri',
    ],
    [
      'two admins of one name',
      'name: monitor',
      'name: ada',
      'admin.clients[1].name: is used by another client',
    ],
    [
      'one certificate for two admins',
      'uri: "spiffe://example.org/monitor"',
      'commonName: Ada Lovelace',
      'admin.clients[1].commonName: is used by another client',
    ],
    [
      'an admin name that could forge a record',
      'name: monitor',
      'name: "a\\nb"',
      'admin.clients[1].name: must be 1 to 63',
    ],
    ['no client CA', ', clientCa: tls/admins.pem', '', 'admin.tls.clientCa: is required'],
    ['two clusters of one name', 'name: test', 'name: prod', 'clusters[1].name: is used by another cluster'],
    [
      'two clusters of one issuer',
      'https://test.example.org',
      'https://prod.example.org',
      'clusters[1].issuer: is used by another cluster',
    ],
    [
      'two clusters of one API server',
      '{ kubeconfig: /etc/leasehold/prod.kubeconfig }',
      '{ inCluster: true }',
      'clusters[1].api: is used by another cluster',
    ],
    ['a cluster name that is no label', 'name: test', 'name: a/b', 'clusters[1].name: must be a DNS label'],
    [
      'an empty audience',
      'audience: leasehold\n    maxTokenSeconds',
      'audience: ""\n    maxTokenSeconds',
      'clusters[0].audience: must have at least 1 character',
    ],
    [
      'an unbounded token life',
      'maxTokenSeconds: 7200',
      'maxTokenSeconds: 86401',
      'clusters[0].maxTokenSeconds: must be at most 86400',
    ],
    [
      'lost before stale',
      'lostAfterSeconds: 600',
      'lostAfterSeconds: 30',
      'clusters[0].lostAfterSeconds: must be more than staleAfterSeconds',
    ],
    [
      'keys over plain http',
      'https://prod.example.org/openid',
      'http://prod.example.org/openid',
      'clusters[0].keys.url: must be an https URL',
    ],
    [
      'keys over http to a name that looks local',
      'https://prod.example.org/openid',
      'http://127.0.0.1.example.org/openid',
      'clusters[0].keys.url: must be an https URL',
    ],
    [
      'keys over http to localhost, which is only a name',
      'https://prod.example.org/openid',
      'http://localhost/openid',
      'clusters[0].keys.url: must be an https URL',
    ],
    [
      'credentials in a URL',
      'https://prod.example.org/openid',
      'https://u:hunter2@prod.example.org/openid',
      'clusters[0].keys.url: must have no user and password',
    ],
    [
      'a file as URL',
      'https://prod.example.org/openid',
      'file:///etc/openid',
      'clusters[0].keys.url: must be an https URL',
    ],
    [
      'keys from two places',
      '{ api: true }',
      '{ api: true, file: a }',
      'clusters[1].keys: must have exactly one of file, url and api',
    ],
    ['a ca without url', '{ api: true }', '{ api: true, ca: a }', 'clusters[1].keys.ca: goes with url only'],
    ['no keys', '{ api: true }', '{}', 'clusters[1].keys: must have exactly one of file, url and api'],
    [
      'keys that are said not to be there',
      '{ api: true }',
      '{ api: false }',
      'clusters[1].keys.api: must be true',
    ],
    [
      'no API server',
      '{ inCluster: true }',
      '{}',
      'clusters[1].api: must have exactly one of kubeconfig and inCluster',
    ],
    ['Vault over plain http', 'https://vault', 'http://vault', 'backend.vault.address: must be an https URL'],
    ['Vault with a path', 'org:8200', 'org:8200/v1', 'backend.vault.address: must have no path and no query'],
    [
      'two logins',
      'auth: {',
      'auth: { tokenFile: t,',
      'backend.vault.auth: must have exactly one of tokenFile, appRole and jwt',
    ],
    [
      'no login',
      'appRole: { mount: approle, roleIdFile: role-id, secretIdFile: secret-id }',
      '',
      'backend.vault.auth: must have exactly one of tokenFile, appRole and jwt',
    ],
    [
      'a probation over a minute',
      'probationSeconds: 30',
      'probationSeconds: 61',
      'backend.vault.probationSeconds: must be at most 60',
    ],
    [
      'a request limit of nothing',
      'requestLimitSeconds: 60',
      'requestLimitSeconds: 0',
      'backend.vault.requestLimitSeconds: must be at least 1',
    ],
    [
      'a wildcard for long leases',
      '[mysql/creds/app]',
      '["mysql/*"]',
      'backend.allowLongLeases[0]: may have letters',
    ],
    [
      'canaries without a pause',
      'intervalSeconds: 600',
      'intervalSeconds: 9',
      'backend.canary.intervalSeconds: must be at least 10',
    ],
    [
      'canaries that the ledger would have forgotten',
      'intervalSeconds: 600',
      'intervalSeconds: 86401',
      'backend.canary.intervalSeconds: must be at most 86400',
    ],
    [
      'canaries nowhere',
      'paths: [mysql/creds/app]',
      'paths: []',
      'backend.canary.paths: must not be empty: leave it out for every path of the policy',
    ],
    [
      'a canary twice',
      'paths: [mysql/creds/app]',
      'paths: [mysql/creds/app, mysql/creds/app]',
      'backend.canary.paths: must not name a path twice',
    ],
    [
      'a wildcard for canaries',
      'paths: [mysql/creds/app]',
      'paths: ["mysql/*"]',
      'backend.canary.paths[0]: may have letters',
    ],
    [
      'a key of canaries that nobody knows',
      'intervalSeconds: 600',
      'everySeconds: 600',
      'backend.canary.everySeconds: unknown key',
    ],
    [
      'a drain shorter than a read',
      'drainSeconds: 90',
      'drainSeconds: 59',
      'drainSeconds: must be at least backend.vault.requestLimitSeconds',
    ],
    [
      'an advertised address without a port',
      '"b1.example.org:8443"',
      '"b1.example.org"',
      'replica.advertise.workloads: the port is missing',
    ],
    ['audit in the ledger', 'audit.log', 'ledger.sqlite', 'audit.file: must not be the file of the ledger'],
    [
      'two audit sinks',
      'audit: { file: audit.log,',
      'audit: { file: audit.log, stdout: true,',
      'audit: must have exactly one of file and stdout',
    ],
    [
      'no audit sink',
      'audit: { file: audit.log,',
      'audit: {',
      'audit: must have exactly one of file and stdout',
    ],
    [
      'rotation of a stream',
      'audit: { file: audit.log,',
      'audit: { stdout: true,',
      'audit.rotate: is for a file only',
    ],
    [
      'heads in the log',
      'heads.jsonl',
      'audit.log',
      'audit.signing.headsFile: must not be the audit file itself',
    ],
    ['a fraction', 'concurrency: 4', 'concurrency: 4.5', 'admission.concurrency: must be a whole number'],
    [
      'an unknown log level',
      'level: debug',
      'level: trace',
      'log.level: must be debug or info or warn or error',
    ],
    [
      'a trust domain with a path',
      'trustDomain: example.org',
      'trustDomain: example.org/a',
      'trustDomain: must be a SPIFFE trust domain',
    ],
  ])('refuses %s', (_, from, to, expected) => {
    expect(problems(changed(from, to))).toContain(expected);
    expect(problems(changed(from, to))).not.toContain('hunter2');
  });

  it('reads everything, with paths from the folder of the file', () => {
    expect(parseBrokerConfig(fullBroker, '/etc/leasehold')).toEqual({
      ok: true,
      value: {
        trustDomain: 'example.org',
        workloads: {
          listen: { host: '0.0.0.0', port: 8443 },
          tls: { certificate: '/etc/leasehold/tls/server.pem', key: '/etc/leasehold/tls/server-key.pem' },
          limits: {
            maxConnections: 10,
            maxStreamsPerConnection: 2,
            maxMessageBytes: 16_384,
            maxUnproved: 5,
            firstMessageMs: 1000,
          },
        },
        admin: {
          listen: { host: '::1', port: 8444 },
          tls: {
            certificate: '/etc/leasehold/tls/server.pem',
            key: '/etc/leasehold/tls/server-key.pem',
            clientCa: '/etc/leasehold/tls/admins.pem',
          },
          clients: [
            { name: 'ada', match: { commonName: 'Ada Lovelace' }, rights: ['view', 'revoke', 'settle'] },
            { name: 'monitor', match: { uri: 'spiffe://example.org/monitor' }, rights: ['view'] },
          ],
        },
        http: { listen: { host: '127.0.0.1', port: 9090 } },
        clusters: [
          {
            name: 'prod',
            issuer: 'https://prod.example.org',
            audience: 'leasehold',
            maxTokenSeconds: 7200,
            keys: { url: 'https://prod.example.org/openid/v1/jwks', ca: '/etc/leasehold/prod-ca.pem' },
            api: { kubeconfig: '/etc/leasehold/prod.kubeconfig' },
            staleAfterSeconds: 30,
            lostAfterSeconds: 600,
          },
          {
            name: 'test',
            issuer: 'https://test.example.org',
            audience: 'leasehold',
            maxTokenSeconds: 3600,
            keys: { api: true },
            api: { inCluster: true },
            staleAfterSeconds: 60,
            lostAfterSeconds: 3600,
          },
        ],
        policy: { file: '/etc/leasehold/policy.yaml' },
        backend: {
          vault: {
            address: 'https://vault.example.org:8200',
            ca: '/etc/leasehold/vault-ca.pem',
            namespace: 'team/a',
            auth: {
              kind: 'appRole',
              mount: 'approle',
              roleIdFile: '/etc/leasehold/role-id',
              secretIdFile: '/etc/leasehold/secret-id',
            },
            requestLimitSeconds: 60,
            probationSeconds: 30,
          },
          allowLongLeases: ['mysql/creds/app'],
          canary: { intervalSeconds: 600, paths: ['mysql/creds/app'] },
        },
        ledger: { sqlite: { file: '/etc/leasehold/ledger.sqlite' } },
        audit: {
          sink: {
            kind: 'file',
            file: '/etc/leasehold/audit.log',
            rotate: { maxBytes: 16_777_216, maxAgeMs: 86_400_000 },
          },
          hmacKeyFile: '/etc/leasehold/audit.key',
          maxWaitMs: 1000,
          signing: {
            keyFile: '/etc/leasehold/sign.pem',
            previousKeyFile: '/etc/leasehold/old.pem',
            everyRecords: 500,
            everyMinutes: 5,
            headsFile: '/etc/leasehold/heads.jsonl',
          },
        },
        admission: { concurrency: 4, queue: 100, maxWaitMs: 5000 },
        log: { level: 'debug' },
        drainSeconds: 90,
        replica: { name: 'broker-0', advertise: { workloads: 'b1.example.org:8443' } },
      },
    });
  });

  it('fills in defaults where nothing depends on the site', () => {
    expect(parseBrokerConfig(leastBroker, '/')).toMatchObject({
      ok: true,
      value: {
        workloads: {
          limits: {
            maxConnections: 20_000,
            maxStreamsPerConnection: 16,
            maxMessageBytes: 65_536,
            maxUnproved: 256,
            firstMessageMs: 10_000,
          },
        },
        clusters: [{ maxTokenSeconds: 3600, staleAfterSeconds: 60, lostAfterSeconds: 3600 }],
        backend: {
          vault: {
            requestLimitSeconds: 90,
            probationSeconds: 60,
            auth: { kind: 'token', tokenFile: '/token' },
          },
          allowLongLeases: [],
        },
        audit: { maxWaitMs: 1000 },
        admission: { concurrency: 32, queue: 20_000, maxWaitMs: 60_000 },
        log: { level: 'info' },
        drainSeconds: 100,
      },
    });
  });

  it('sends no canary that was not asked for, and one an hour where they are', () => {
    const least = parseBrokerConfig(leastBroker, '/');
    expect(least.ok && 'canary' in least.value.backend).toBe(false);
    const asked = leastBroker.replace('{ tokenFile: token } }', '{ tokenFile: token } }, canary: {}');
    expect(parseBrokerConfig(asked, '/')).toMatchObject({
      ok: true,
      value: { backend: { canary: { intervalSeconds: 3600 } } },
    });
  });

  it('reads the login by JWT', () => {
    const text = leastBroker.replace(
      '{ tokenFile: token }',
      '{ jwt: { mount: kubernetes, role: leasehold, tokenFile: jwt } }',
    );
    expect(parseBrokerConfig(text, '/')).toMatchObject({
      value: {
        backend: {
          vault: { auth: { kind: 'jwt', mount: 'kubernetes', role: 'leasehold', tokenFile: '/jwt' } },
        },
      },
    });
  });

  it('lets several listeners ask the system for a port', () => {
    const text = leastBroker
      .replace('0.0.0.0:8443', '127.0.0.1:0')
      .replace('127.0.0.1:8444', '127.0.0.1:0')
      .replace('127.0.0.1:9090', '127.0.0.1:0');
    expect(problems(text)).toBe('');
  });

  it('names what is missing all at once', () => {
    expect(problems('{}').split('\n')).toEqual(
      ['trustDomain', 'workloads', 'admin', 'http', 'clusters', 'policy', 'backend', 'ledger', 'audit'].map(
        (key) => `${key}: is required`,
      ),
    );
  });

  it('never throws and never shows a rejected value, whatever a line is replaced with', () => {
    const lines = fullBroker.split('\n');
    const value = fc.oneof(
      fc.constantFrom('hunter2', '12', '-1', '[]', '{}', 'null', '"', 'https://hunter2', 'true', '0.5'),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.nat(lines.length - 1), value, (index, replacement) => {
        const replaced = lines.map((line, at) =>
          at === index ? line.replace(/: .*/, `: ${replacement}`) : line,
        );
        expect(problems(replaced.join('\n'))).not.toContain('hunter2');
      }),
      { numRuns: 150 },
    );
  });
});

describe('formatListen', () => {
  it('brackets IPv6', () => {
    expect(formatListen({ host: '::', port: 1 })).toBe('[::]:1');
    expect(formatListen({ host: '127.0.0.1', port: 1 })).toBe('127.0.0.1:1');
  });
});
