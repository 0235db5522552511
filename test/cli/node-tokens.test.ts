import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFakeAdmin } from './fake-admin.ts';
import type { FakeAdmin } from './fake-admin.ts';
import { runHere } from './run-here.ts';
import { createdAtMs } from './samples.ts';

let broker: FakeAdmin;
beforeAll(async () => {
  broker = await startFakeAdmin();
});
afterAll(async () => {
  await broker[Symbol.asyncDispose]();
});

const made = {
  cluster: 'hpc',
  by: 'admin:ada',
  madeAtMs: createdAtMs,
  expiresAtMs: createdAtMs + 600_000,
};
const key = 'ab'.repeat(32);
const spent = { ...made, node: 'n1', state: 'spent', key };
const unused = { ...made, node: 'n2', by: '', state: 'unused' };

describe('leasehold node list-tokens', () => {
  const command = ['node', 'list-tokens'];

  it.each(['admin_forbidden', 'enrolment_off'] as const)('prints nothing on %s', async (code) => {
    broker.script({ ListEnrolmentTokens: { refuse: code } });
    const ran = await runHere(command, broker);
    expect([ran.status, ran.stdout]).toEqual([1, '']);
    expect(ran.stderr).toContain(`(${code})`);
  });

  it('says that there are none', async () => {
    broker.script({ ListEnrolmentTokens: { answer: {} } });
    expect(await runHere(command, broker)).toEqual({
      status: 0,
      stdout: '',
      stderr: 'no enrolment tokens\n',
    });
    expect((await runHere([...command, '--unused', '--cluster', 'hpc'], broker)).stderr).toBe(
      'no unused enrolment tokens\n',
    );
    expect(broker.received).toMatchObject([
      { request: { cluster: '', unused: false } },
      { request: { cluster: 'hpc', unused: true } },
    ]);
  });

  it('prints those of all pages', async () => {
    broker.script({
      ListEnrolmentTokens: [
        { answer: { tokens: [spent], nextPageToken: 'hpc/n1' } },
        { answer: { tokens: [unused] } },
      ],
    });
    expect(await runHere(command, broker)).toEqual({
      status: 0,
      stdout: [
        'CLUSTER  NODE  STATE   KEY               BY         MADE                      EXPIRES\n',
        'hpc      n1    spent   abababababababab  admin:ada  2026-01-02T03:04:05.000Z  2026-01-02T03:14:05.000Z\n',
        'hpc      n2    unused  -                 -          2026-01-02T03:04:05.000Z  2026-01-02T03:14:05.000Z\n',
      ].join(''),
      stderr: '',
    });
    expect(broker.received).toMatchObject([
      { request: { pageToken: '' } },
      { request: { pageToken: 'hpc/n1' } },
    ]);
  });

  it('prints them as data', async () => {
    broker.script({ ListEnrolmentTokens: { answer: { tokens: [spent, unused] } } });
    const { stdout } = await runHere([...command, '-o', 'json'], broker);
    const times = { madeAt: '2026-01-02T03:04:05.000Z', expiresAt: '2026-01-02T03:14:05.000Z' };
    expect(JSON.parse(stdout)).toEqual({
      tokens: [
        { cluster: 'hpc', node: 'n1', state: 'spent', key, by: 'admin:ada', ...times },
        { cluster: 'hpc', node: 'n2', state: 'unused', key: null, by: null, ...times },
      ],
    });
  });
});

describe('leasehold node withdraw-token', () => {
  const command = ['node', 'withdraw-token', '--cluster', 'hpc'];
  const reason = ['--reason', 'lost'];

  it.each<[string, readonly string[], string]>([
    ['names neither a node nor all', reason, 'give either --node or --all'],
    ['names both', ['--node', 'n1', '--all', ...reason], 'give either --node or --all'],
    ['has a node that is empty', ['--node', '', ...reason], '--node is empty'],
    ['gives no reason', ['--node', 'n1'], '--reason is missing'],
    ['takes all where nobody can be asked', ['--all', ...reason], 'nobody can be asked here'],
  ])('is wrong use when it %s', async (_what, more, words) => {
    broker.script({});
    const ran = await runHere([...command, ...more], broker);
    expect([ran.status, ran.stdout]).toEqual([2, '']);
    expect(ran.stderr).toContain(words);
    expect(broker.received).toEqual([]);
  });

  it.each([
    'admin_forbidden',
    'enrolment_off',
    'enrolment_unknown',
    'enrolment_used',
    'enrolment_expired',
  ] as const)('says %s, and prints nothing', async (code) => {
    broker.script({ WithdrawEnrolmentTokens: { refuse: code } });
    const ran = await runHere([...command, '--node', 'n1', ...reason], broker);
    expect([ran.status, ran.stdout]).toEqual([1, '']);
    expect(ran.stderr).toContain(`(${code})`);
  });

  it('asks before it takes all, and takes no for no', async () => {
    broker.script({});
    const ran = await runHere([...command, '--all', ...reason], { env: broker.env, typed: ['n'] });
    expect([ran.status, broker.received]).toEqual([1, []]);
    expect(ran.stderr).toContain('nothing was withdrawn');
  });

  it('prints whose were withdrawn', async () => {
    broker.script({ WithdrawEnrolmentTokens: { answer: { nodes: ['n1'] } } });
    expect(await runHere([...command, '--node', 'n1', ...reason], broker)).toEqual({
      status: 0,
      stdout: 'NODE\nn1\n',
      stderr: 'withdrew 1 token\n',
    });
    broker.script({ WithdrawEnrolmentTokens: { answer: { nodes: ['n1', 'n2'] } } });
    const all = await runHere([...command, '--all', '--yes', ...reason, '-o', 'json'], broker);
    expect(JSON.parse(all.stdout)).toEqual({ cluster: 'hpc', withdrawn: ['n1', 'n2'] });
    broker.script({ WithdrawEnrolmentTokens: { answer: {} } });
    expect(await runHere([...command, '--all', '--yes', ...reason], broker)).toEqual({
      status: 0,
      stdout: '',
      stderr: 'withdrew 0 tokens\n',
    });
    expect(broker.received).toMatchObject([
      { request: { cluster: 'hpc', node: '', all: true, reason: 'lost' } },
    ]);
  });
});
