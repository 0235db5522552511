import { fork, type Serializable } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { NewWork } from '../../../src/ledger/ledger.ts';
import {
  aLeaseSet,
  anActiveSession,
  aPod,
  aSession,
  aStaticSession,
  recordIssue,
  replica,
  start,
} from '../../contract/ledger/ledger-world.ts';
import { describeWith } from '../../support/require.ts';
import type { Got, Order } from './claim-child.ts';
import { type PostgresWorld, startPostgresWorld } from './postgres-world.ts';

const items = 1_200;
const workloads = 60;

describeWith(['postgres'], 'several brokers on one PostgreSQL', () => {
  let world: PostgresWorld;
  beforeAll(async () => {
    world = await startPostgresWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  /** Each in a process of its own, all at once. */
  const inProcesses = async (orders: readonly Order[]): Promise<readonly Got[]> => {
    const children = orders.map((order) => ({
      order,
      child: fork(join(import.meta.dirname, 'claim-child.ts'), [], { stdio: 'inherit' }),
    }));
    const answers = async (word: (one: (typeof children)[number]) => Serializable) =>
      Promise.all(
        children.map(async (one) => {
          const answer = once(one.child, 'message') as Promise<[unknown]>;
          one.child.send(word(one));
          return (await answer)[0];
        }),
      );
    try {
      await answers(({ order }) => order);
      return (await answers(() => 'go')) as readonly Got[];
    } finally {
      for (const { child } of children) child.kill('SIGKILL');
    }
  };

  it('claim each item once, and make one session of each workload, from processes of their own', async () => {
    const config = world.config();
    await using ledger = await world.open(config);
    const work = Array.from({ length: items }, (_, index): NewWork => ({
      kind: 'renew',
      subject: `item-${index}`,
      dueAt: start - index,
    }));
    await ledger.putWork(work);
    const got = await inProcesses(
      Array.from({ length: 4 }, (_, index) => ({
        config,
        owner: `broker-${index}`,
        claimers: 6,
        workloads,
      })),
    );
    const claimed = got.flatMap((one) => one.claimed).filter((subject) => subject.startsWith('item-'));
    expect(claimed).toHaveLength(items);
    expect(new Set(claimed).size).toBe(items);
    // Nobody had to wait for another to be through with all of it; one of them may have had no processor in that moment.
    expect(got.filter((one) => one.claimed.length > 0).length).toBeGreaterThan(1);
    expect(got.flatMap((one) => one.created).sort()).toEqual(
      Array.from({ length: workloads }, (_, index) => `pod/east/uid-${index}`).sort(),
    );
    expect((await ledger.count()).sessions.opening).toBe(workloads);
  });

  it('give an item of one that died to another, when its claim has run out', async () => {
    const config = world.config();
    await using first = await world.open(config);
    await using second = await world.open(config);
    await first.putWork([{ kind: 'renew', subject: 'a', dueAt: start }]);
    const claim = (ledger: typeof first, owner: string, now: number) =>
      ledger.claimWork({ owner, now, claimUntil: now + 1_000, limit: 5 });
    const [late] = await claim(first, 'first', start);
    expect(await claim(second, 'second', start + 999)).toEqual([]);
    expect(await claim(second, 'second', start + 1_000)).toMatchObject([{ subject: 'a' }]);
    if (late === undefined) throw new Error('nothing was claimed');
    await first.finishWork({ work: late });
    expect(await second.nextWorkAt()).toBe(start + 2_000);
  });

  it('keep a session whole, whatever they do to it at once', async () => {
    const config = world.config();
    await using first = await world.open(config);
    await using second = await world.open(config);
    for (let round = 0; round < 25; round += 1) {
      const identity = aPod(`uid-${round}`);
      const { session, leaseSet } = await anActiveSession(first, { identity });
      const next = aLeaseSet();
      const end = { reason: 'admin', note: '', by: 'admin:ann' } as const;
      const of = (ledger: typeof first) => [
        ledger.beginLeaseSet({ session, leaseSet: next, at: start }).then(() => recordIssue(ledger, next.id)),
        ledger.recordRenewal({ leaseSet, expiresAt: start + 90_000, work: [], at: start }),
        ledger.beginRevoke({ session, end, tombstone: true, at: start }),
        ledger.beginSession(aSession({ identity, supersedes: session })),
        ledger.beginSession(aStaticSession({ identity })),
        ledger.detachHolder({ session, holder: 'pod', replica, dueAt: start, at: start }),
      ];
      const results = await Promise.allSettled([...of(first), ...of(second)]);
      for (const result of results)
        if (result.status === 'rejected')
          expect(result.reason).toMatchObject({
            code: expect.stringMatching(/^(ledger_conflict|tombstoned)$/) as string,
          });
      const after = await first.findSession(session);
      expect(after?.state).toBe('revoking');
      for (const { state, credentials } of after?.leaseSets ?? []) {
        expect(state).toBe('revoking');
        for (const { settlement } of credentials) expect(settlement).toBe('outstanding');
      }
      expect(await second.findTombstone(identity.workload, 'db')).toBeDefined();
      await expect(second.beginSession(aSession({ identity }))).rejects.toMatchObject({ code: 'tombstoned' });
    }
  });

  it('bring nothing back that was revoked with a tombstone a moment ago', async () => {
    const config = world.config();
    await using first = await world.open(config);
    await using second = await world.open(config);
    for (let round = 0; round < 40; round += 1) {
      const identity = aPod(`uid-${round}`);
      const { session } = await anActiveSession(first, { identity });
      const end = { reason: 'admin', note: '', by: 'admin:ann' } as const;
      const [, begun] = await Promise.allSettled([
        first.beginRevoke({ session, end, tombstone: true, at: start }),
        second.beginSession(aSession({ identity })),
      ]);
      // Before the revocation there is the old session, after it there is none.
      if (begun.status === 'fulfilled')
        expect(begun.value).toMatchObject({ outcome: 'existing', session: { id: session } });
      else expect(begun.reason).toMatchObject({ code: 'tombstoned' });
      expect(await first.findLive({ workload: identity.workload, bundle: 'db', node: '' })).toBeUndefined();
    }
  });
});
