import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFakeAdmin } from './fake-admin.ts';
import type { FakeAdmin } from './fake-admin.ts';
import { runHere } from './run-here.ts';
import { runLeasehold } from './run-leasehold.ts';
import { aSession, createdAtMs } from './samples.ts';

let broker: FakeAdmin;

beforeAll(async () => {
  broker = await startFakeAdmin();
});

afterAll(async () => {
  await broker[Symbol.asyncDispose]();
});

const aLock = (over: object = {}) => ({
  id: 'loc_1',
  selector: { namespace: 'ci-*', bundle: 'deploy-key' },
  reason: 'CI compromised',
  by: 'admin:alice',
  createdAtMs,
  ...over,
});

const sessionHead =
  'SESSION  CLUSTER  WORKLOAD       BUNDLE     STATE   NODE    CREATED                   DEADLINE\n';
const sessionRow =
  'ses_1    blue     shop/api-7f9c  orders-db  active  node-1  2026-01-02T03:04:05.000Z  2026-01-03T03:04:05.000Z\n';

describe('leasehold rotate', () => {
  it('is wrong use without a selector, and without --yes where nobody can be asked', async () => {
    broker.script({});
    const aimless = await runHere(['rotate', '--reason', 'drill', '--yes'], broker);
    expect([aimless.status, aimless.stderr.split('\n')[0]]).toEqual([
      2,
      'leasehold: nothing selected: say what to rotate',
    ]);
    const unasked = await runHere(['rotate', '--all', '--reason', 'drill'], broker);
    expect(unasked.status).toBe(2);
    expect(broker.received).toEqual([]);
  });

  it('is refused without the right', async () => {
    broker.script({ RotateSessions: { refuse: 'admin_forbidden' } });
    const ran = await runHere(['rotate', '--all', '--reason', 'drill', '--yes'], broker);
    expect([ran.status, ran.stdout]).toEqual([1, '']);
    expect(ran.stderr).toContain('(admin_forbidden)');
  });

  it('queues a rotation and shows of what', async () => {
    broker.script({ RotateSessions: { answer: { sessions: [aSession()] } } });
    const ran = await runLeasehold(
      ['rotate', '--bundle', 'orders-db', '--reason', 'drill', '--yes'],
      broker.env,
    );
    expect(ran).toEqual({
      status: 0,
      stdout: sessionHead + sessionRow,
      stderr: 'rotation of 1 session is queued\n',
    });
    expect(broker.received).toMatchObject([
      { request: { selector: { bundle: 'orders-db' }, reason: 'drill', dryRun: false } },
    ]);
  });

  it('changes nothing on a dry run', async () => {
    broker.script({ RotateSessions: { answer: { sessions: [aSession()] } } });
    const ran = await runHere(['rotate', '--all', '--reason', 'drill', '--dry-run', '-o', 'json'], broker);
    expect(ran.status).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({ dryRun: true, sessions: [{ id: 'ses_1' }] });
    expect(broker.received).toMatchObject([{ request: { dryRun: true } }]);
  });

  it('asks on a terminal, about what a dry run has shown', async () => {
    broker.script({ RotateSessions: { answer: { sessions: [aSession()] } } });
    const no = await runHere(['rotate', '--all', '--reason', 'drill'], { env: broker.env, typed: ['no'] });
    expect(no.status).toBe(1);
    expect(no.stderr).toContain('Rotate 1 session? [y/N] nothing was rotated\n');
    expect(broker.received).toMatchObject([{ request: { dryRun: true } }]);
    const yes = await runHere(['rotate', '--all', '--reason', 'drill'], { env: broker.env, typed: ['y'] });
    expect(yes.status).toBe(0);
    expect(broker.received).toHaveLength(3);
  });
});

describe('leasehold lock', () => {
  it('cannot name a session', async () => {
    broker.script({});
    const ran = await runHere(['lock', 'add', '--session', 'ses_1', '--reason', 'drill', '--yes'], broker);
    expect([ran.status, ran.stderr.split('\n')[0]]).toEqual([2, "leasehold: unknown option '--session'"]);
    expect(broker.received).toEqual([]);
  });

  it('is added, and shows whose revocation it started', async () => {
    broker.script({ AddLock: { answer: { lock: aLock(), sessions: [aSession()] } } });
    const ran = await runHere(
      ['lock', 'add', '--namespace', 'ci-*', '--bundle', 'deploy-key', '--reason', 'CI compromised', '--yes'],
      broker,
    );
    expect(ran).toEqual({
      status: 0,
      stdout:
        'LOCK   SELECTOR                          BY           CREATED                   REASON\n' +
        'loc_1  namespace=ci-* bundle=deploy-key  admin:alice  2026-01-02T03:04:05.000Z  CI compromised\n' +
        `\n${sessionHead}${sessionRow}`,
      stderr: 'locked; revoking 1 session\n',
    });
    expect(broker.received).toMatchObject([
      { request: { selector: { namespace: 'ci-*', bundle: 'deploy-key' }, reason: 'CI compromised' } },
    ]);
  });

  it('changes nothing on a dry run', async () => {
    broker.script({ AddLock: { answer: { lock: aLock({ id: '' }), sessions: [] } } });
    const ran = await runHere(
      ['lock', 'add', '--node', 'n', '--reason', 'drill', '--dry-run', '-o', 'json'],
      broker,
    );
    expect(ran.stderr).toBe('would add the lock and revoke 0 sessions; nothing was changed\n');
    expect(JSON.parse(ran.stdout)).toEqual({
      dryRun: true,
      lock: {
        id: null,
        selector: { namespace: 'ci-*', bundle: 'deploy-key' },
        reason: 'CI compromised',
        by: 'admin:alice',
        createdAt: '2026-01-02T03:04:05.000Z',
      },
      sessions: [],
    });
    expect(broker.received).toMatchObject([{ request: { dryRun: true } }]);
  });

  it('asks on a terminal even when nothing is held now, because it stands', async () => {
    broker.script({ AddLock: { answer: { lock: aLock({ id: '' }), sessions: [] } } });
    const ran = await runHere(['lock', 'add', '--node', 'gpu-*', '--reason', 'drill'], {
      env: broker.env,
      typed: ['n'],
    });
    expect(ran).toEqual({
      status: 1,
      stdout: '',
      stderr: 'Lock node=gpu-* and revoke 0 sessions? [y/N] nothing was locked\n',
    });
  });

  it('is removed by its id; an unknown id is refused in plain words', async () => {
    broker.script({ RemoveLock: [{ answer: {} }, { refuse: 'request_invalid' }] });
    const removed = await runHere(['lock', 'remove', 'loc_1', '--reason', 'over'], broker);
    expect(removed).toEqual({ status: 0, stdout: '', stderr: 'the lock is removed\n' });
    expect(broker.received).toMatchObject([{ request: { id: 'loc_1', reason: 'over' } }]);
    const unknown = await runHere(['lock', 'remove', 'loc_1', '--reason', 'over', '-o', 'json'], broker);
    expect(unknown).toEqual({
      status: 1,
      stdout: '',
      stderr: 'leasehold: no lock has this id (request_invalid)\n',
    });
  });

  it('is listed', async () => {
    broker.script({
      ListLocks: [
        { answer: { locks: [aLock(), aLock({ id: 'loc_2', selector: { all: true } })] } },
        { answer: {} },
      ],
    });
    const ran = await runHere(['lock', 'list'], broker);
    expect(ran.stdout).toContain('loc_2  everything');
    const none = await runHere(['lock', 'list'], broker);
    expect(none).toEqual({ status: 0, stdout: '', stderr: 'no locks\n' });
  });
});
