import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/platform/clock.ts';
import { createAdminClient } from '../../../../src/rpc/client/admin-client.ts';
import type { AdminClient } from '../../../../src/rpc/client/admin-client.ts';
import { startFakeAdmin } from '../../../cli/fake-admin.ts';
import type { FakeAdmin } from '../../../cli/fake-admin.ts';
import { aSession } from '../../../cli/samples.ts';

let broker: FakeAdmin;

beforeAll(async () => {
  broker = await startFakeAdmin();
});

afterAll(async () => {
  await broker[Symbol.asyncDispose]();
});

const signal = new AbortController().signal;

function client(over: { readonly callTimeoutMs?: number; readonly pauses?: number[] } = {}): AdminClient {
  const { LEASEHOLD_BROKER = '', LEASEHOLD_CA = '', LEASEHOLD_CERT = '', LEASEHOLD_KEY = '' } = broker.env;
  return createAdminClient({
    endpoint: {
      address: LEASEHOLD_BROKER,
      ca: readFileSync(LEASEHOLD_CA),
      clientCertificate: { certificate: readFileSync(LEASEHOLD_CERT), key: readFileSync(LEASEHOLD_KEY) },
    },
    clock: { ...systemClock, sleep: async (ms) => void over.pauses?.push(ms) },
    random: () => 1,
    ...(over.callTimeoutMs === undefined ? {} : { callTimeoutMs: over.callTimeoutMs }),
  });
}

describe('createAdminClient', () => {
  it('tries a read again when the broker goes away, and gives it up after three', async () => {
    broker.script({ ListLocks: [{ fail: 'UNAVAILABLE' }, { fail: 'UNAVAILABLE' }, { answer: {} }] });
    const pauses: number[] = [];
    await using admin = client({ pauses });
    expect(await admin.listLocks(signal)).toEqual([]);
    expect(pauses).toEqual([200, 400]);
    broker.script({ ListLocks: { fail: 'UNAVAILABLE' } });
    await expect(admin.listLocks(signal)).rejects.toMatchObject({ code: 'broker_unavailable' });
    expect(broker.received).toHaveLength(3);
  });

  it('never repeats what changes something', async () => {
    broker.script({
      AddLock: { fail: 'UNAVAILABLE' },
      RotateSessions: { fail: 'UNAVAILABLE' },
      RevokeSessions: { fail: 'UNAVAILABLE' },
      RemoveLock: { fail: 'UNAVAILABLE' },
      LiftTombstone: { fail: 'UNAVAILABLE' },
      WriteOff: { fail: 'UNAVAILABLE' },
    });
    await using admin = client();
    const calls = [
      admin.addLock({}, signal),
      admin.rotateSessions({}, signal),
      admin.revokeSessions({}, signal)[Symbol.asyncIterator]().next(),
      admin.removeLock({}, signal),
      admin.liftTombstone({}, signal),
      admin.writeOff({}, signal),
    ];
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'broker_unavailable' } });
    }
    expect(broker.received).toHaveLength(6);
  });

  it('does not try again what the broker refused', async () => {
    broker.script({ ListLocks: { refuse: 'overloaded' } });
    await using admin = client();
    await expect(admin.listLocks(signal)).rejects.toMatchObject({ code: 'overloaded' });
    expect(broker.received).toHaveLength(1);
  });

  it('lets nothing that a peer says about its failure through', async () => {
    await using admin = client();
    const failures = [
      'INTERNAL',
      'UNKNOWN',
      'UNIMPLEMENTED',
      'PERMISSION_DENIED',
      'UNAUTHENTICATED',
    ] as const;
    for (const status of failures) {
      broker.script({ Explain: { fail: status } });
      const error: unknown = await admin.explain({}, signal).catch((caught: unknown) => caught);
      expect(JSON.stringify(error) + String(error)).not.toContain('words of a peer');
      expect(error).toMatchObject({ name: 'LeaseholdError' });
    }
  });

  it('gives up on a broker that does not answer, as out of reach', async () => {
    broker.script({ GetSession: { silent: true } });
    await using admin = client({ callTimeoutMs: 50 });
    await expect(admin.getSession('ses_1', signal)).rejects.toMatchObject({
      code: 'broker_unavailable',
      detail: 'no answer in time',
    });
  });

  it('stops when the signal aborts: before a call, within one, and within a stream', async () => {
    broker.script({
      GetSession: { silent: true },
      WatchSessions: { stream: [{ session: aSession() }], then: 'stay' },
    });
    await using admin = client();
    await expect(admin.listLocks(AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });

    const within = new AbortController();
    const call = admin.getSession('ses_1', within.signal);
    const stopped = expect(call).rejects.toMatchObject({ code: 'cancelled' });
    while (broker.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    within.abort();
    await stopped;

    const watching = new AbortController();
    const changes = admin.watchSessions(undefined, watching.signal)[Symbol.asyncIterator]();
    expect((await changes.next()).done).toBe(false);
    watching.abort();
    await expect(changes.next()).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('does not follow a page token that leads back to itself', async () => {
    broker.script({ ListSessions: { answer: { sessions: [aSession()], nextPageToken: 'again' } } });
    await using admin = client();
    const found: string[] = [];
    for await (const { id } of admin.listSessions({}, signal)) found.push(id);
    expect(found).toEqual(['ses_1', 'ses_1']);
  });

  it('refuses an answer without its subject', async () => {
    broker.script({ GetSession: { answer: {} } });
    await using admin = client();
    await expect(admin.getSession('ses_1', signal)).rejects.toMatchObject({ code: 'internal' });
  });
});
