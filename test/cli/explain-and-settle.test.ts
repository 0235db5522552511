import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFakeAdmin } from './fake-admin.ts';
import type { FakeAdmin } from './fake-admin.ts';
import { runHere } from './run-here.ts';
import { runLeasehold } from './run-leasehold.ts';
import { aCredential, aSession, createdAtMs } from './samples.ts';

let broker: FakeAdmin;

beforeAll(async () => {
  broker = await startFakeAdmin();
});

afterAll(async () => {
  await broker[Symbol.asyncDispose]();
});

const refused = {
  allowed: false,
  code: 'not_granted',
  rule: '',
  spiffeId: 'spiffe://example.org/k8s/blue/ns/shop/sa/web',
  rules: [{ rule: 'shop-may-order', effect: 'allow', matched: false, failed: 'serviceAccount' }],
};

describe('leasehold explain', () => {
  it.each([
    [['--bundle', 'b'], '--cluster, --namespace, --service-account missing'],
    [['--cluster', 'blue'], '--bundle is missing'],
    [['--bundle', 'b', '--token-file', 'f', '--pod', 'x'], '--token-file and --pod exclude each other'],
    [
      ['--bundle', 'b', '--token-file', '/no/such/file'],
      '--token-file: /no/such/file: cannot be read (ENOENT)',
    ],
    [
      ['--bundle', 'b', '--cluster', 'c', '--namespace', 'n', '--service-account', 's', '--label', 'x'],
      '--label needs KEY=VALUE',
    ],
  ])('is wrong use with %j', async (args, said) => {
    broker.script({});
    const ran = await runHere(['explain', ...args], broker);
    expect(ran.status).toBe(2);
    expect(ran.stderr).toContain(said);
    expect(broker.received).toEqual([]);
  });

  it('says which condition failed, and ends with 1 when the bundle would be refused', async () => {
    broker.script({ Explain: { answer: refused } });
    const ran = await runLeasehold(
      [
        'explain',
        '--bundle',
        'orders-db',
        '--cluster',
        'blue',
        '--namespace',
        'shop',
        '--service-account',
        'web',
      ],
      broker.env,
    );
    expect(ran).toEqual({
      status: 1,
      stdout: `Decision:  refused
Because:   no grant allows this workload to hold this bundle (not_granted)
Rule:      none
Bundle:    orders-db
Identity:  spiffe://example.org/k8s/blue/ns/shop/sa/web

RULE            EFFECT  MATCHED  FAILED AT
shop-may-order  allow   no       serviceAccount
`,
      stderr: '',
    });
  });

  it.each([
    ['cancel_job', 'the job is cancelled'],
    ['fail_tasks', 'tasks on that node fail'],
  ])('says what becomes of a run with %s', async (nodeWithoutSecrets, said) => {
    broker.script({ Explain: { answer: { ...refused, allowed: true, code: '', nodeWithoutSecrets } } });
    const args = ['explain', '--bundle', 'b', '--cluster', 'hpc', '--user', 'alice'];
    expect((await runHere(args, broker)).stdout).toContain(`If a node lacks it:  ${said}\n`);
    const json = await runHere([...args, '--output', 'json'], broker);
    expect(JSON.parse(json.stdout)).toMatchObject({ nodeWithoutSecrets });
  });

  it('sends a described run', async () => {
    broker.script({ Explain: { answer: { allowed: true, rules: [] } } });
    const ran = await runHere(
      // prettier-ignore
      ['explain', '--bundle', 'b', '--cluster', 'hpc', '--user', 'alice', '--partition', 'gpu', '--node', 'n1', '--node', 'n2', '--array'],
      broker,
    );
    expect(ran.status).toBe(0);
    expect(broker.received).toMatchObject([
      {
        request: {
          bundle: 'b',
          who: 'run',
          run: {
            cluster: 'hpc',
            user: 'alice',
            partition: 'gpu',
            nodes: ['n1', 'n2'],
            array: true,
            accountingEnforced: false,
          },
        },
      },
    ]);
  });

  it.each([
    [['--user', 'alice'], '--cluster missing'],
    [['--cluster', 'hpc', '--user', 'alice', '--pod', 'p'], '--pod a pod'],
    [['--cluster', 'hpc', '--partition', 'gpu'], 'add --user NAME'],
    [
      ['--cluster', 'c', '--namespace', 'n', '--service-account', 's', '--node', 'a', '--node', 'b'],
      'runs on one node',
    ],
  ])('does not guess who is meant by %j', async (flags, words) => {
    broker.script({});
    const ran = await runHere(['explain', '--bundle', 'b', ...flags], broker);
    expect(ran.status).toBe(2);
    expect(ran.stderr).toContain(words);
    expect(broker.received).toEqual([]);
  });

  it('sends a described pod, and prints the decision as JSON', async () => {
    const answer = { allowed: true, rule: 'shop-may-order', spiffeId: 'spiffe://x', rules: [] };
    broker.script({ Explain: { answer } });
    const digest = `sha256:${'a'.repeat(64)}`;
    const ran = await runHere(
      // prettier-ignore
      ['explain', '--bundle', 'b', '--cluster', 'blue', '-n', 'shop', '--service-account', 'api', '--pod', 'p',
        '--node', 'n1', '--label', 'team=orders', '--label', 'tier=', '--image-digest', digest, '-o', 'json'],
      broker,
    );
    expect(ran.status).toBe(0);
    expect(JSON.parse(ran.stdout)).toEqual({
      bundle: 'b',
      allowed: true,
      code: null,
      rule: 'shop-may-order',
      spiffeId: 'spiffe://x',
      nodeWithoutSecrets: null,
      rules: [],
    });
    expect(broker.received).toMatchObject([
      {
        request: {
          bundle: 'b',
          who: 'pod',
          pod: {
            cluster: 'blue',
            namespace: 'shop',
            serviceAccount: 'api',
            pod: 'p',
            node: 'n1',
            labels: { team: 'orders', tier: '' },
            imageDigests: [digest],
          },
        },
      },
    ]);
  });

  it('sends a token without its line feed, and never prints it', async () => {
    const file = join(broker.folder, 'token');
    await writeFile(file, 'header.payload.signature\n');
    broker.script({ Explain: { refuse: 'credential_expired' } });
    const ran = await runHere(['explain', '--bundle', 'b', '--token-file', file], broker);
    expect(ran).toEqual({
      status: 1,
      stdout: '',
      stderr: 'leasehold: the credential has expired (credential_expired)\n',
    });
    expect(broker.received).toMatchObject([
      { request: { credential: Buffer.from('header.payload.signature') } },
    ]);
  });
});

describe('leasehold settle', () => {
  it('lists tombstones', async () => {
    const tombstone = {
      workload: 'pod/blue/uid-1',
      bundle: 'orders-db',
      reason: 'leak',
      by: 'admin:a',
      createdAtMs,
    };
    broker.script({ ListTombstones: { answer: { tombstones: [tombstone] } } });
    const ran = await runHere(['settle', 'list'], broker);
    expect(ran.stdout).toBe(
      'WORKLOAD        BUNDLE     BY       REVOKED                   REASON\n' +
        'pod/blue/uid-1  orders-db  admin:a  2026-01-02T03:04:05.000Z  leak\n',
    );
  });

  it('lifts one; without the right or without a tombstone it is refused', async () => {
    const line = [
      'settle',
      'lift',
      '--workload',
      'pod/blue/uid-1',
      '--bundle',
      'orders-db',
      '--reason',
      'false alarm',
    ];
    broker.script({
      LiftTombstone: [{ answer: {} }, { refuse: 'admin_forbidden' }, { refuse: 'request_invalid' }],
    });
    expect(await runHere(line, broker)).toEqual({
      status: 0,
      stdout: '',
      stderr: 'the tombstone is lifted\n',
    });
    expect(broker.received).toMatchObject([
      { request: { workload: 'pod/blue/uid-1', bundle: 'orders-db', reason: 'false alarm' } },
    ]);
    expect(await runHere(line, broker)).toMatchObject({ status: 1, stdout: '' });
    expect((await runHere(line, broker)).stderr).toBe(
      'leasehold: no tombstone stands for this workload and bundle (request_invalid)\n',
    );
  });

  it('writes a credential off after --yes or a plain yes, and shows its session', async () => {
    const line = ['settle', 'write-off', 'cre_1', '--reason', 'gone'];
    broker.script({});
    expect((await runHere(line, broker)).stderr).toContain('add --yes to go ahead\n');
    const no = await runHere(line, { env: broker.env, typed: ['n'] });
    expect(no).toMatchObject({ status: 1, stdout: '' });
    expect(broker.received).toEqual([]);

    const session = aSession({ state: 'ended', credentials: [aCredential({ settlement: 'written_off' })] });
    broker.script({ WriteOff: [{ answer: { session } }, { refuse: 'request_invalid' }] });
    const done = await runHere([...line, '--yes'], broker);
    expect(done).toMatchObject({ status: 0, stderr: 'the credential is written off\n' });
    expect(done.stdout).toContain('written off, given up by a person');
    expect(broker.received).toMatchObject([{ request: { credential: 'cre_1', reason: 'gone' } }]);
    const unknown = await runHere([...line, '--yes'], broker);
    expect(unknown.stderr).toBe('leasehold: no outstanding credential has this id (request_invalid)\n');
  });
});
