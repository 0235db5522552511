import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import type { PostgresConfig } from '../../../src/ledger/postgres/postgres-config.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import {
  aPod,
  anActiveSession,
  aSession,
  aStaticSession,
  holdersOf,
  recordIssue,
  replica,
  start,
} from '../../contract/ledger/ledger-world.ts';
import { type CommitCutter, startCommitCutter } from '../../support/commit-cutter.ts';
import { describeWith } from '../../support/require.ts';
import { type PostgresWorld, startPostgresWorld, timelessClock } from './postgres-world.ts';

describeWith(['postgres'], 'a PostgreSQL ledger whose connections break', () => {
  let world: PostgresWorld;
  let config: PostgresConfig;
  let ledger: Ledger;
  beforeAll(async () => {
    world = await startPostgresWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());
  beforeEach(() => {
    config = world.config();
  });
  afterEach(() => ledger[Symbol.asyncDispose]());

  /** A credential, and a call on it that is counted each time it is carried out. */
  const counted = async () => {
    const { leaseSet } = await anActiveSession(ledger);
    const id = (await ledger.findLeaseSet(leaseSet))?.credentials[0]?.id ?? '';
    const settle = () =>
      ledger.settleCredential({
        credential: id,
        settlement: 'held',
        why: undefined,
        nextTryAt: undefined,
        at: start,
      });
    const attempts = async () => (await ledger.findCredential(id))?.credential.attempts;
    return { settle, attempts };
  };

  const killAll = () =>
    world.server.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'leasehold'`,
    );

  describe('while the server commits', () => {
    let cutter: CommitCutter;
    beforeEach(async () => {
      cutter = await startCommitCutter(world.server.connection);
      ledger = await world.open({ ...config, port: cutter.port });
    });
    afterEach(() => cutter[Symbol.asyncDispose]());

    it.each(['lost', 'unanswered', 'late'] as const)('carries a call out once (%s)', async (cut) => {
      const { settle, attempts } = await counted();
      for (let round = 1; round <= 5; round += 1) {
        cutter.cutNext(cut);
        await settle();
        expect(await attempts()).toBe(round);
      }
      expect(cutter.cuts()).toBe(5);
    });

    it.each(['lost', 'unanswered', 'late'] as const)(
      'says that the session was created (%s)',
      async (cut) => {
        const input = aSession();
        cutter.cutNext(cut);
        expect(await ledger.beginSession(input)).toMatchObject({
          outcome: 'created',
          session: { id: input.id },
        });
        expect(await holdersOf(ledger, input.id)).toMatchObject([{ attached: true }]);
        expect((await ledger.count()).sessions.opening).toBe(1);
        cutter.cutNext(cut);
        await recordIssue(ledger, input.leaseSet?.id ?? '');
        expect((await ledger.findLeaseSet(input.leaseSet?.id ?? ''))?.credentials).toHaveLength(2);
      },
    );

    it('gives out claimed work all the same', async () => {
      await ledger.putWork([{ kind: 'renew', subject: 'a', dueAt: start }]);
      cutter.cutNext('unanswered');
      const claimed = await ledger.claimWork({ owner: 'me', now: start, claimUntil: start + 9, limit: 9 });
      expect(claimed).toMatchObject([{ subject: 'a' }]);
      for (const work of claimed) await ledger.finishWork({ work });
      expect(await ledger.nextWorkAt()).toBeUndefined();
    });

    it('fails where nobody can tell, and says so', async () => {
      const { settle } = await counted();
      cutter.cutNext('unanswered');
      cutter.refuse(true);
      await expect(settle()).rejects.toMatchObject({
        code: 'ledger_unavailable',
        detail: expect.stringContaining('could not be found out') as string,
      });
      cutter.refuse(false);
      await settle();
    });
  });

  it('does each of many calls once or not at all, while connections are killed at random moments', async () => {
    // Whether a change was made is asked for until it is known.
    ledger = await world.open({ ...config, pool: { ...config.pool, size: 8 } }, { clock: timelessClock });
    const { settle, attempts } = await counted();
    let isOver = false;
    let killed = 0;
    const killer = async () => {
      while (!isOver) {
        const rows = await world.server.query(
          `SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity
             WHERE application_name = 'leasehold' ORDER BY random() LIMIT 2) AS chosen`,
        );
        killed += rows.length;
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
      }
    };
    const outcomes = { done: 0, failed: 0 };
    const caller = async (index: number) => {
      for (let round = 0; killed < 300; round += 1) {
        try {
          await settle();
          outcomes.done += 1;
        } catch (error) {
          expect(error).toMatchObject({ code: 'ledger_unavailable' });
          outcomes.failed += 1;
        }
        const input = aStaticSession({ identity: aPod(`uid-${index}-${round}`) });
        const begun = await ledger.beginSession(input).catch((error: unknown) => error);
        if (begun instanceof LeaseholdError) {
          expect(begun.code).toBe('ledger_unavailable');
          // Refused means that nothing is there.
          for (;;) {
            const found = await ledger.findSession(input.id).catch(() => 'again');
            if (found === 'again') continue;
            expect(found).toBeUndefined();
            break;
          }
        } else expect(begun).toMatchObject({ outcome: 'created' });
      }
    };
    const killing = killer();
    try {
      await Promise.all(Array.from({ length: 8 }, (_, index) => caller(index)));
    } finally {
      isOver = true;
      await killing;
    }
    expect(await attempts()).toBe(outcomes.done);
    expect(outcomes.done).toBeGreaterThan(outcomes.failed);
  });

  it('takes every kind of call up again after all connections were killed', async () => {
    ledger = await world.open(config);
    const { session, leaseSet, generation } = await anActiveSession(ledger);
    const calls: readonly (() => Promise<unknown>)[] = [
      () => ledger.findSession(session),
      () => ledger.listSessions({ limit: 5 }),
      () => ledger.attachHolder({ session, holder: 'pod', replica, at: start }),
      () => ledger.recordDelivered({ session, holder: 'pod', generation, at: start }),
      () => ledger.reattachHolder({ session, holder: 'pod', replica, generation, at: start }),
      () => ledger.recordRenewal({ leaseSet, expiresAt: start + 9, work: [], at: start }),
      () => ledger.claimWork({ owner: 'me', now: start, claimUntil: start, limit: 5 }),
      () => ledger.count(),
      () => ledger.writeMeta('a', 'b'),
    ];
    for (const call of calls) {
      await killAll();
      await call();
    }
  });

  it('fails typed while the server is down, and goes on by itself when it is back', async () => {
    ledger = await world.open(config);
    const { settle, attempts } = await counted();
    await world.server.restart(async () => {
      await expect(settle()).rejects.toMatchObject({ code: 'ledger_unavailable' });
      await expect(ledger.count()).rejects.toMatchObject({
        code: 'ledger_unavailable',
        detail: 'count: nothing listens at that address',
      });
    });
    await settle();
    expect(await attempts()).toBe(1);
  });

  it('survives a crash of the server', async () => {
    ledger = await world.open(config, { clock: timelessClock });
    const { settle, attempts } = await counted();
    await settle();
    const [backend] = await world.server.query(
      `SELECT pid FROM pg_stat_activity WHERE application_name = 'leasehold' LIMIT 1`,
    );
    // One backend that dies by SIGKILL makes the server end all others and recover from its log.
    process.kill(Number(backend?.['pid']), 'SIGKILL');
    for (;;) {
      const error = await settle().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (error === undefined) break;
      expect(error).toMatchObject({ code: 'ledger_unavailable' });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(await attempts()).toBe(2);
  });
});
