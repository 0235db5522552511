import { describe, expect, it } from 'vitest';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { aPod, aVerified, createWorld, dbBundle, type Holder, type World } from './world.ts';

function sessionOf(holder: Holder): string {
  return holder.last('opened')?.session ?? '';
}

function revoke(world: World, selector: object = { all: true }) {
  return world.engine().admin.revoke({ selector, reason: 'x', by: 'admin:a', dryRun: false });
}

async function settlements(world: World, session: string): Promise<readonly string[]> {
  const found = await world.ledger.findSession(session);
  return found?.leaseSets.flatMap((set) => set.credentials.map(({ settlement }) => settlement)) ?? [];
}

async function tokenOf(world: World, session: string) {
  const found = await world.ledger.findSession(session);
  const token = found?.leaseSets[0]?.credentials.find(({ kind }) => kind === 'token');
  return { id: token?.id ?? '', accessor: token?.reference ?? '' };
}

describe('confirmed', () => {
  it('is said when only the look-up after our own revocation failed at first', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    let revoked = 0;
    let failed = 0;
    world.backend.setFault(({ operation }) => {
      if (operation === 'revokeLease') revoked += 1;
      if (operation !== 'lookupLease' || revoked === 0 || failed > 2) return undefined;
      failed += 1;
      return { fail: 'backend_timeout' };
    });
    await revoke(world);
    await world.pass(60_000);
    expect(failed).toBe(3);
    expect(await settlements(world, sessionOf(holder))).toEqual(['confirmed', 'confirmed']);
    expect(world.engine().events.counters().vanished).toBe(0);
  });

  it('is never said of what somebody else took away', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const { accessor } = await tokenOf(world, sessionOf(holder));
    await world.backend.revokeToken({ accessor, signal: new AbortController().signal });
    await revoke(world);
    await world.pass(5_000);
    expect(await settlements(world, sessionOf(holder))).toEqual(['vanished', 'vanished']);
    expect(world.engine().events.counters().vanished).toBe(2);
  });

  it('is not replaced by lapsed for what was gone before its own end', async () => {
    await using world = await createWorld();
    // Its lease can be renewed for a short time only, its token for long.
    world.backend.setDynamic('database/creds/app', { maxTtlSeconds: 100 });
    const holder = await world.holder();
    await holder.take('db');
    const { id, accessor } = await tokenOf(world, sessionOf(holder));
    await world.backend.revokeToken({ accessor, signal: new AbortController().signal });
    await holder.attachment.detach();
    await world.pass(200_000);
    const found = await world.ledger.findCredential(id);
    expect(found?.credential.settlement).toBe('vanished');
  });

  it('is never said of what the backend says it revoked but still has', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    world.backend.setFault(({ operation }) =>
      operation === 'revokeLease' ? { fail: 'backend_rejected' } : undefined,
    );
    await revoke(world);
    await world.pass(590_000);
    expect(await settlements(world, sessionOf(holder))).toContain('outstanding');
    await world.pass(60_000);
    // Nobody renewed it, so it ended by itself, and that is what is said.
    expect(await settlements(world, sessionOf(holder))).toEqual(['lapsed', 'lapsed']);
  });
});

describe('what is gone after a revocation of our own that was interrupted', () => {
  const vanished = (world: World, replica: number) => world.engine(replica).events.counters().vanished;

  it('is neither confirmed nor an alarm when the broker that revoked it dies before it says so', async () => {
    await using world = await createWorld({ replicas: 2 });
    await world.pass(6_000);
    const [holder, other] = [await world.holder(), await world.holder(aVerified(aPod('u2')))];
    await holder.take('db');
    await other.take('db');
    const hanging: PromiseWithResolvers<undefined>[] = [];
    world.setReach((step) => {
      if (step !== 'revoke.lease') return undefined;
      const gate = Promise.withResolvers<undefined>();
      hanging.push(gate);
      return gate.promise;
    });
    await revoke(world, { session: sessionOf(holder) });
    await world.pass(2_000);
    expect(hanging).toHaveLength(1);
    world.setReach(() => undefined);
    // Whichever of the two is at it.
    for (const replica of [0, 1]) world.cut(replica, true);
    const deaths = Promise.all([world.kill(0), world.kill(1)]);
    for (const gate of hanging) gate.reject(new LeaseholdError('cancelled'));
    await deaths;
    for (const replica of [0, 1]) world.cut(replica, false);
    await world.restart();
    await world.pass(300_000);
    expect(await settlements(world, sessionOf(holder))).toEqual(['confirmed', 'vanished']);
    expect(vanished(world, 0)).toBe(0);
    expect(world.records.findLast(({ action }) => action === 'settle')).toMatchObject({
      settlement: 'confirmed,vanished',
      reason: 'admin: x; vanished after a revocation by the broker whose outcome is not known',
    });
    // Nobody had begun with these.
    const { accessor } = await tokenOf(world, sessionOf(other));
    await world.backend.revokeToken({ accessor, signal: new AbortController().signal });
    await revoke(world, { session: sessionOf(other) });
    await world.pass(5_000);
    expect(vanished(world, 0)).toBe(2);
  });

  it('is no alarm either when only the answer of the backend was lost', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    let lost = 0;
    world.setAround(async ({ method }, proceed) => {
      const result = await proceed();
      if (method !== 'revokeLease') return result;
      lost += 1;
      throw new LeaseholdError('backend_timeout');
    });
    await revoke(world);
    await world.pass(60_000);
    expect(lost).toBe(1);
    expect(await settlements(world, sessionOf(holder))).toEqual(['confirmed', 'vanished']);
    expect(vanished(world, 0)).toBe(0);
    const found = await world.ledger.findSession(sessionOf(holder));
    expect(found?.leaseSets[0]?.credentials.find(({ kind }) => kind === 'lease')?.why).toBe(
      'backend_timeout',
    );
  });

  it('is an alarm when earlier tries only looked, or were refused', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const { accessor } = await tokenOf(world, sessionOf(holder));
    let faults = 0;
    world.backend.setFault(({ operation }) => {
      if (operation !== 'lookupLease' && operation !== 'revokeLease') return undefined;
      faults += 1;
      if (faults === 1) return { fail: 'backend_unavailable' };
      return operation === 'revokeLease' ? { fail: 'backend_rejected' } : undefined;
    });
    await revoke(world);
    await world.pass(30_000);
    expect(faults).toBeGreaterThan(2);
    world.backend.setFault(undefined);
    await world.backend.revokeToken({ accessor, signal: new AbortController().signal });
    await world.pass(60_000);
    expect(await settlements(world, sessionOf(holder))).toEqual(['vanished', 'vanished']);
    expect(vanished(world, 0)).toBe(2);
  });
});

describe('a backend that was wiped or replaced', () => {
  it('is not believed about what the one before made: only its own end or a person settles that', async () => {
    await using world = await createWorld();
    const [first, second] = [await world.holder(), await world.holder(aVerified(aPod('u2')))];
    await first.take('db');
    await second.take('db');
    world.backend.reset();
    await revoke(world);
    await world.pass(5_000);
    expect(await settlements(world, sessionOf(first))).toEqual(['outstanding', 'outstanding']);
    const found = await world.ledger.findSession(sessionOf(first));
    const [lease] = found?.leaseSets[0]?.credentials.filter(({ kind }) => kind === 'lease') ?? [];
    expect(lease?.why).toBe('backend_changed');
    expect(world.engine().events.counters()).toMatchObject({ vanished: 0, backend_changed: 1 });
    const { admin } = world.engine();
    await admin.writeOff({ credential: lease?.id ?? '', reason: 'dropped by hand', by: 'admin:a' });
    await world.pass(700_000);
    expect(await settlements(world, sessionOf(first))).toEqual(['lapsed', 'written_off']);
    expect(await settlements(world, sessionOf(second))).toEqual(['lapsed', 'lapsed']);
  });

  it('is found out while the broker was down, and while it runs', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    world.backend.reset();
    await world.restart();
    expect(world.engine().events.counters().backend_changed).toBe(1);
    world.backend.reset();
    await world.pass(10_000);
    expect(world.engine().events.counters().backend_changed).toBe(2);
  });

  it('settles what it made itself', async () => {
    await using world = await createWorld();
    world.backend.reset();
    const holder = await world.holder();
    await holder.take('db');
    await world.pass(10_000);
    await revoke(world);
    await world.pass(5_000);
    expect(await settlements(world, sessionOf(holder))).toEqual(['confirmed', 'confirmed']);
  });
});

describe('a broker that starts while the backend is away', () => {
  it('ends nothing by its own clock, which may be hours ahead, and does when it knows the time', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('kv');
    world.backend.setFault(() => ({ fail: 'backend_unavailable' }));
    await world.restart();
    await world.pass(2 * 3_600_000);
    expect((await world.ledger.findSession(sessionOf(holder)))?.state).toBe('active');
    world.backend.setFault(undefined);
    await world.pass(5_000);
    expect((await world.ledger.findSession(sessionOf(holder)))?.state).toBe('ended');
  });
});

describe('an engine that is down', () => {
  const count = 60;
  /** So many sessions were revoked while their database is away; counts the tries. */
  async function downWorld() {
    const world = await createWorld();
    const holders: Holder[] = [];
    for (let uid = 0; uid < count; uid += 1) {
      const holder = await world.holder(aVerified(aPod(`u${uid}`)));
      await holder.take('db');
      holders.push(holder);
    }
    const tries: number[] = [];
    world.backend.setFault(({ operation }) => {
      if (operation !== 'revokeLease') return undefined;
      tries.push(world.clock.now());
      return { fail: 'backend_rejected' };
    });
    await revoke(world);
    return { world, holders, tries };
  }

  it('is probed at least every 30 s and by one at a time, and its whole queue goes when a probe succeeds', async () => {
    const down = await downWorld();
    await using world = down.world;
    const { holders, tries } = down;
    // Each of them once, as the one that might work.
    await world.pass(120_000);
    const before = tries.length;
    await world.pass(300_000);
    const probes = tries.slice(before);
    expect(probes.length).toBeLessThanOrEqual(25);
    for (const [index, at] of probes.entries())
      expect(at - (tries[before + index - 1] ?? at)).toBeLessThanOrEqual(35_000);
    expect(probes.length).toBeGreaterThanOrEqual(9);
    world.backend.setFault(undefined);
    await world.pass(45_000);
    for (const holder of holders)
      expect(await settlements(world, sessionOf(holder))).toEqual(['confirmed', 'confirmed']);
  });

  it('does not keep a broker that starts afterwards waiting', async () => {
    const down = await downWorld();
    await using world = down.world;
    const { holders } = down;
    await world.pass(200_000);
    world.backend.setFault(undefined);
    await world.restart();
    await world.pass(5_000);
    for (const holder of holders)
      expect(await settlements(world, sessionOf(holder))).toEqual(['confirmed', 'confirmed']);
  });

  it('is not one of which a few users only cannot be dropped: the others go at once', async () => {
    await using world = await createWorld();
    const stuck = new Set<string>();
    world.backend.setFault(({ operation, target }) =>
      operation === 'revokeLease' && stuck.has(target) ? { fail: 'backend_rejected' } : undefined,
    );
    for (const uid of ['s1', 's2', 's3', 's4']) await (await world.holder(aVerified(aPod(uid)))).take('db');
    for (const { leaseId } of world.backend.aliveCredentials()) stuck.add(leaseId ?? '');
    await revoke(world);
    await world.pass(100_000);
    const other = await world.holder(aVerified(aPod('other')));
    await other.take('db');
    await other.attachment.release({ session: sessionOf(other) });
    await world.pass(5_000);
    expect(await settlements(world, sessionOf(other))).toEqual(['confirmed', 'confirmed']);
  });
});

describe('a revocation of many', () => {
  it('keeps nobody at another path waiting, who comes after all of them', async () => {
    const other = 'database/creds/other';
    const secrets = [{ name: 'login', kind: 'leased', path: other, engine: 'read' }] as const;
    await using world = await createWorld({
      bundles: [dbBundle, { ...dbBundle, name: 'other', tokenRole: 'leasehold-other', secrets }],
    });
    world.backend.setDynamic(other, {});
    // As fast as a path is whose queue fits into half a second, and three seconds of that for all of them.
    world.backend.setFault(({ operation, target }) =>
      operation === 'revokeLease' && !target.startsWith(other) ? { delayMs: 100 } : undefined,
    );
    const revokeMany = async (many: number, name: string) => {
      for (let index = 0; index < many; index += 1)
        await (await world.holder(aVerified(aPod(`${name}-${index}`)))).take('db');
      await revoke(world, { bundle: 'db' });
    };
    // Its pace is known then.
    await revokeMany(60, 'first');
    await world.pass(5_000);
    await revokeMany(500, 'then');
    const late = await world.holder(aVerified(aPod('late')));
    await late.take('other');
    await late.attachment.release({ session: sessionOf(late) });
    for (let waited = 0; waited < 1_600; waited += 25) await world.pass(25);
    expect(await settlements(world, sessionOf(late))).toEqual(['confirmed', 'confirmed']);
    expect(world.backend.aliveCredentials().length).toBeGreaterThan(200);
    for (let waited = 0; waited < 20_000; waited += 100) await world.pass(100);
    expect(world.backend.aliveCredentials()).toEqual([]);
  });

  it('goes on when the ledger cannot take one of them, and says so', async () => {
    await using world = await createWorld();
    for (const uid of ['u1', 'u2', 'u3']) await (await world.holder(aVerified(aPod(uid)))).take('db');
    let failures = 0;
    world.setLedger((method) => {
      if (method !== 'beginRevoke' || failures > 0) return;
      failures += 1;
      throw new LeaseholdError('ledger_unavailable');
    });
    await expect(revoke(world)).rejects.toMatchObject({ code: 'ledger_unavailable' });
    await world.pass(2_000);
    expect(world.backend.aliveCredentials()).toHaveLength(1);
  });

  it('is recorded once for each session, whoever else ends it at the same time', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const revoking = revoke(world, { session: sessionOf(holder) });
    world.setState(aPod().workload, { phase: 'ended', freshness: 'fresh' });
    await Promise.all([revoking, holder.attachment.release({ session: sessionOf(holder) })]);
    await world.pass(2_000);
    const ends = world.records.filter(({ action, session }) => action === 'revoke' && session !== undefined);
    expect(new Set(ends.map(({ reason }) => reason)).size).toBe(ends.length);
  });
});

describe('a tombstone', () => {
  it('goes when its workload ended while no broker was up', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('kv');
    await revoke(world);
    await world.restart();
    expect(await world.ledger.listTombstones()).toHaveLength(1);
    world.setState(aPod().workload, { phase: 'ended', freshness: 'fresh' });
    await world.pass(4_000_000);
    expect(await world.ledger.listTombstones()).toHaveLength(0);
  });

  it('is written by a lock for what the lock revoked, and for nothing else', async () => {
    await using world = await createWorld();
    const [held, leaving, other] = [
      await world.holder(aVerified(aPod('held'))),
      await world.holder(aVerified(aPod('leaving'))),
      await world.holder(aVerified(aPod('other'))),
    ];
    await held.take('kv');
    await leaving.take('db');
    await other.take('db');
    world.backend.setFault(({ operation }) =>
      operation === 'revokeLease' ? { fail: 'backend_rejected' } : undefined,
    );
    await leaving.attachment.release({ session: sessionOf(leaving) });
    await world
      .engine()
      .admin.addLock({ selector: { pod: '*held*' }, reason: 'x', by: 'admin:a', dryRun: false });
    await world
      .engine()
      .admin.addLock({ selector: { pod: '*leaving*' }, reason: 'x', by: 'admin:a', dryRun: false });
    await world.pass(1_000);
    expect(
      (await world.ledger.listTombstones()).map(({ workload, bundle }) => `${workload} ${bundle}`),
    ).toEqual(['pod/a/held kv']);
    expect(other.last('revoked')).toBeUndefined();
  });
});
