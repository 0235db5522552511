import { describe, expect, it } from 'vitest';
import { startWorkLoop, type WorkHandler, type WorkLoopOptions } from '../../../src/lease/work-loop.ts';
import type { NewWork, Work, WorkKind } from '../../../src/ledger/ledger.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { createManualClock } from '../backend/manual-clock.ts';
import { aPod, aVerified, createWorld, dbBundle } from './world.ts';

/** The work items of a ledger, in memory, with a hook in front of each call. */
function createItems(
  hook: (method: 'claim' | 'claimed' | 'finish' | 'release') => Promise<void> | void = () => undefined,
) {
  const items = new Map<string, { work: Work; availableAt: number; isClaimed: boolean }>();
  let version = 0;
  const key = ({ kind, subject }: NewWork) => `${kind} ${subject}`;
  const put = (work: NewWork, availableAt = work.dueAt) => {
    version += 1;
    items.set(key(work), { work: { ...work, version }, availableAt, isClaimed: availableAt !== work.dueAt });
  };
  const ledger: WorkLoopOptions['ledger'] = {
    claimWork: async ({ now, claimUntil, limit, kinds }) => {
      await hook('claim');
      const due = [...items.values()].filter(
        ({ work, availableAt }) => availableAt <= now && (kinds === undefined || kinds.includes(work.kind)),
      );
      const claimed = due.slice(0, limit).map(({ work }) => {
        put(work, claimUntil);
        return items.get(key(work))?.work ?? work;
      });
      await hook('claimed');
      return claimed;
    },
    releaseLostClaims: async ({ kinds, known }) => {
      await hook('release');
      const isKnown = ({ kind, subject }: Work) =>
        known.some((one) => one.kind === kind && one.subject === subject);
      for (const { work, isClaimed } of [...items.values()])
        if (isClaimed && kinds.includes(work.kind) && !isKnown(work)) put(work);
    },
    finishWork: async ({ work, dueAt }) => {
      await hook('finish');
      if (items.get(key(work))?.work.version !== work.version) return;
      items.delete(key(work));
      if (dueAt !== undefined) put({ ...work, dueAt });
    },
    nextWorkAt: async () => undefined,
  };
  return { put, ledger, list: () => [...items.values()] };
}

/** Does the work by putting it on the list. */
const into =
  (handled: string[]): WorkHandler =>
  async (subject) => {
    handled.push(subject);
    return undefined;
  };
const never: WorkHandler = () => Promise.reject(new Error('not expected'));

function start(
  items: ReturnType<typeof createItems>,
  handlers: Partial<Record<WorkKind, WorkHandler>>,
  concurrency = 4,
) {
  const clock = createManualClock();
  const all: Record<WorkKind, WorkHandler> = {
    settle: never,
    renew: never,
    rotate: never,
    revoke: never,
    deadline: never,
    detached: never,
    ...handlers,
  };
  const loop = startWorkLoop({
    ledger: items.ledger,
    owner: 'r1',
    kinds: ['settle', 'renew', 'rotate', 'revoke', 'deadline', 'detached'],
    handlers: all,
    concurrency,
    now: () => clock.now(),
    clock,
    log: silentLog,
  });
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 500) {
      clock.advance(Math.min(500, left));
      for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { clock, loop, pass };
}

describe('a work item', () => {
  it('whose end could not be recorded is finished when the ledger is back, not when its claim runs out', async () => {
    let isAway = true;
    const items = createItems((method) => {
      if (method === 'finish' && isAway) throw new LeaseholdError('ledger_unavailable');
    });
    items.put({ kind: 'renew', subject: 'a', dueAt: 0 });
    let handled = 0;
    const { loop, pass, clock } = start(items, {
      renew: async () => {
        handled += 1;
        return clock.now() + 5_000;
      },
    });
    await pass(3_000);
    isAway = false;
    await pass(20_000);
    expect(handled).toBeGreaterThan(2);
    await loop.stop();
  });

  it('that takes longer than its claim is not done twice', async () => {
    const items = createItems();
    items.put({ kind: 'rotate', subject: 'a', dueAt: 0 });
    const long = Promise.withResolvers<undefined>();
    let handled = 0;
    const { loop, pass } = start(items, {
      rotate: async () => {
        handled += 1;
        return long.promise;
      },
    });
    await pass(400_000);
    long.resolve(undefined);
    await pass(400_000);
    expect(handled).toBe(1);
    expect(items.list()).toEqual([]);
    await loop.stop();
  });

  it('that is put again while it is being done is done again', async () => {
    const items = createItems();
    items.put({ kind: 'rotate', subject: 'a', dueAt: 0 });
    const first = Promise.withResolvers<undefined>();
    let handled = 0;
    const { loop, pass, clock } = start(items, {
      rotate: async () => {
        handled += 1;
        return handled === 1 ? first.promise : undefined;
      },
    });
    await pass(1_000);
    items.put({ kind: 'rotate', subject: 'a', dueAt: clock.now() });
    await pass(2_000);
    expect(handled).toBe(1);
    first.resolve(undefined);
    await pass(2_000);
    expect(handled).toBe(2);
    expect(items.list()).toEqual([]);
    await loop.stop();
  });

  it('that always fails is tried at a pace, and the others go on', async () => {
    const items = createItems();
    items.put({ kind: 'revoke', subject: 'a', dueAt: 0 });
    items.put({ kind: 'renew', subject: 'b', dueAt: 0 });
    let failed = 0;
    let renewed = 0;
    const { loop, pass, clock } = start(
      items,
      {
        revoke: async () => {
          failed += 1;
          throw new Error('broken');
        },
        renew: async () => {
          renewed += 1;
          return clock.now() + 1_000;
        },
      },
      1,
    );
    await pass(20_000);
    expect(failed).toBeGreaterThan(2);
    expect(failed).toBeLessThan(6);
    expect(renewed).toBeGreaterThan(10);
    await loop.stop();
  });
});

describe('a claim whose answer was lost', () => {
  const lost = () => {
    throw new LeaseholdError('ledger_unavailable');
  };

  it('is given back with the next answer, and what runs is not done twice', async () => {
    let claims = 0;
    const items = createItems((method) => {
      if (method === 'claimed' && (claims += 1) === 2) lost();
    });
    items.put({ kind: 'rotate', subject: 'long', dueAt: 0 });
    const long = Promise.withResolvers<undefined>();
    const handled: string[] = [];
    const { loop, pass, clock } = start(items, {
      rotate: async (subject) => {
        handled.push(subject);
        return long.promise;
      },
      renew: into(handled),
    });
    await pass(500);
    items.put({ kind: 'renew', subject: 'a', dueAt: clock.now() });
    await pass(4_000);
    expect(handled).toEqual(['long', 'a']);
    long.resolve(undefined);
    await pass(200_000);
    expect(handled).toEqual(['long', 'a']);
    expect(items.list()).toEqual([]);
    await loop.stop();
  });

  it('is given back also when the ledger carries it out only after that', async () => {
    const items = createItems((method) => {
      if (method === 'claim' && isAway) lost();
    });
    let isAway = true;
    const handled: string[] = [];
    const { loop, pass, clock } = start(items, {
      renew: into(handled),
    });
    await pass(1_000);
    isAway = false;
    await pass(3_000);
    items.put({ kind: 'renew', subject: 'a', dueAt: clock.now() }, clock.now() + 170_000);
    await pass(10_000);
    expect(handled).toEqual(['a']);
    await loop.stop();
  });

  it('holds up nothing else while it cannot be given back', async () => {
    let claims = 0;
    const items = createItems((method) => {
      if (method === 'release' || (method === 'claimed' && (claims += 1) === 1)) lost();
    });
    const handled: string[] = [];
    const { loop, pass, clock } = start(items, {
      renew: into(handled),
    });
    await pass(1_000);
    items.put({ kind: 'renew', subject: 'a', dueAt: clock.now() });
    await pass(3_000);
    expect(handled).toEqual(['a']);
    await loop.stop();
  });

  it.each([1, 2])('costs no login, with %s replicas', async (replicas) => {
    const leased = { ...dbBundle, ttlSeconds: 300 };
    await using world = await createWorld({ bundles: [leased], replicas });
    const holder = await world.holder();
    await holder.take('db');
    let losses = 0;
    world.setAround(async (call, proceed) => {
      const answer = await proceed();
      if (call.method !== 'claimWork' || losses > 0) return answer;
      if (!JSON.stringify(answer).includes('"renew"')) return answer;
      losses += 1;
      return lost();
    });
    const { username, password } = holder.login();
    for (let passed = 0; passed < 600_000; passed += 20_000) {
      await world.pass(20_000);
      expect(world.backend.canLogin(username, password)).toBe(true);
    }
    expect(losses).toBe(1);
  });
});

describe('stopping', () => {
  it('begins nothing that was being claimed, and leaves it to whoever comes next', async () => {
    const claiming = Promise.withResolvers<undefined>();
    const items = createItems((method) => (method === 'claim' ? claiming.promise : undefined));
    items.put({ kind: 'renew', subject: 'a', dueAt: 7 });
    const { loop, clock } = start(items, { renew: never });
    const stopped = loop.stop();
    claiming.resolve(undefined);
    await stopped;
    expect(items.list()).toMatchObject([{ work: { dueAt: 7 }, availableAt: 7 }]);
    expect(clock.timers()).toBe(0);
  });

  it('waits for what runs', async () => {
    const items = createItems();
    items.put({ kind: 'renew', subject: 'a', dueAt: 0 });
    const running = Promise.withResolvers<undefined>();
    const { loop, pass } = start(items, { renew: () => running.promise });
    await pass(500);
    let isStopped = false;
    const stopped = loop.stop().then(() => (isStopped = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isStopped).toBe(false);
    running.resolve(undefined);
    await stopped;
    expect(items.list()).toEqual([]);
  });
});

describe('renewals', () => {
  it('go on while revocations hang at a database that does not answer', async () => {
    await using world = await createWorld({ settings: { workConcurrency: 2 } });
    const holder = await world.holder();
    await holder.take('db');
    const { username, password } = holder.login();
    world.backend.setFault(({ operation }) =>
      operation === 'revokeLease' ? { delayMs: 10_000_000 } : undefined,
    );
    const doomed = [];
    for (const uid of ['u2', 'u3', 'u4']) {
      const other = await world.holder(aVerified(aPod(uid)));
      await other.take('db');
      doomed.push(other);
    }
    for (const other of doomed)
      await other.attachment.release({ session: other.last('opened')?.session ?? '' });
    await world.pass(900_000);
    expect(world.backend.canLogin(username, password)).toBe(true);
  });

  it('go on while others hang at a database that does not answer', async () => {
    const broken = {
      ...dbBundle,
      name: 'broken',
      secrets: [{ name: 'login', kind: 'leased', path: 'database/creds/broken', engine: 'read' }],
    } as const;
    await using world = await createWorld({ bundles: [dbBundle, broken], settings: { workConcurrency: 4 } });
    world.backend.setDynamic('database/creds/broken', {});
    for (const uid of ['u2', 'u3', 'u4', 'u5', 'u6', 'u7'])
      await (await world.holder(aVerified(aPod(uid)))).take('broken');
    const holder = await world.holder();
    await holder.take('db');
    const { username, password } = holder.login();
    world.backend.setFault(({ operation, target }) =>
      operation === 'renewLease' && target.startsWith('database/creds/broken')
        ? { delayMs: 10_000_000 }
        : undefined,
    );
    await world.pass(900_000);
    expect(world.backend.canLogin(username, password)).toBe(true);
  });
});
