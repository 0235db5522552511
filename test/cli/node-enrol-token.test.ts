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

const command = ['node', 'enrol-token', '--cluster', 'hpc'];
const answer = {
  tokens: [
    { node: 'n1', token: Buffer.from('leasehold-enrol/hpc/n1/one') },
    { node: 'n2', token: Buffer.from('leasehold-enrol/hpc/n2/two') },
  ],
  expiresAtMs: createdAtMs,
};

describe('leasehold node enrol-token', () => {
  it.each<[string, readonly string[], string]>([
    ['names no node', [], 'no node is named'],
    ['has a hostlist that is none', ['--nodes', 'n[1-'], 'the node list has brackets that do not fit'],
    ['names too many', ['--nodes', 'n[1-5000]'], 'at most 4096 nodes at a time'],
    ['wants a life that is too short', ['--node', 'n1', '--ttl', '59s'], '--ttl must be 1m to 7d'],
    ['wants a life that is too long', ['--node', 'n1', '--ttl', '8d'], '--ttl must be 1m to 7d'],
  ])('is wrong use when it %s', async (_what, more, words) => {
    broker.script({});
    const ran = await runHere([...command, ...more], broker);
    expect([ran.status, ran.stdout]).toEqual([2, '']);
    expect(ran.stderr).toContain(words);
    expect(broker.received).toEqual([]);
  });

  it.each(['admin_forbidden', 'enrolment_off'] as const)('prints nothing on %s', async (code) => {
    broker.script({ MakeEnrolmentTokens: { refuse: code } });
    const ran = await runHere([...command, '--node', 'n1'], broker);
    expect([ran.status, ran.stdout]).toEqual([1, '']);
    expect(ran.stderr).toContain(`(${code})`);
  });

  it('prints a token for each node', async () => {
    broker.script({ MakeEnrolmentTokens: { answer } });
    const ran = await runHere([...command, '--node', 'n1', '--nodes', 'n[1-2]', '--ttl', '1h'], broker);
    expect(ran).toEqual({
      status: 0,
      stdout: 'NODE  TOKEN\nn1    leasehold-enrol/hpc/n1/one\nn2    leasehold-enrol/hpc/n2/two\n',
      stderr: '',
    });
    expect(broker.received).toMatchObject([
      { request: { cluster: 'hpc', nodes: ['n1', 'n2'], ttlSeconds: 3600 } },
    ]);
  });

  it('prints them as data', async () => {
    broker.script({ MakeEnrolmentTokens: { answer } });
    const ran = await runHere([...command, '--node', 'n1', '-o', 'json'], broker);
    expect(JSON.parse(ran.stdout)).toEqual({
      cluster: 'hpc',
      expiresAt: '2026-01-02T03:04:05.000Z',
      tokens: [
        { node: 'n1', token: 'leasehold-enrol/hpc/n1/one' },
        { node: 'n2', token: 'leasehold-enrol/hpc/n2/two' },
      ],
    });
  });
});
