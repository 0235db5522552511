import { describe, expect, it } from 'vitest';
import { aPod, aVerified, createWorld, dbBundle, type World } from './world.ts';

const signal = new AbortController().signal;
/** Leases alone. */
const leased = { ...dbBundle, secrets: dbBundle.secrets.filter(({ kind }) => kind === 'leased') };

/** The database answers each request only after a minute; everything else answers at once. */
const slowDatabase = (world: World): Disposable => {
  const ended = new AbortController();
  world.setAround(async (call, proceed) => {
    if (call.part === 'backend' && call.method === 'read') await world.clock.sleep(60_000, ended.signal);
    return proceed();
  });
  return { [Symbol.dispose]: () => ended.abort() };
};

/** Has the hold on a session of its own for as long as the database takes. */
const openSlowly = async (world: World, at: number) => {
  const slow = await world.holder(aVerified(aPod(`slow-${at}`)), { at });
  const opening = slow.attachment.open(
    { bundle: 'db', requestKey: 'k'.repeat(16), resume: undefined },
    { signal },
  );
  opening.catch(() => undefined);
  await world.settle();
};

describe('a replica that outlives another one', () => {
  it.each([2, 3])('counts no beat as missed while its database is slow: %s replicas', async (replicas) => {
    await using world = await createWorld({ replicas, bundles: [leased] });
    await world.pass(6_000);
    const steady = await world.holder(aVerified(aPod('steady')), { at: 1 });
    await steady.take('db');
    using ends = new DisposableStack();
    ends.use(slowDatabase(world));
    const survivors = Array.from({ length: replicas - 1 }, (_, index) => index + 1);
    for (const at of survivors) await openSlowly(world, at);
    await world.kill(0);
    for (let looks = 0; looks < 22; looks += 1) {
      await world.pass(2_000);
      expect(survivors.map((at) => world.engine(at).cutOffFrom())).toEqual(survivors.map(() => undefined));
    }
    expect(steady.last('sent_away')).toBeUndefined();
    const known = await world.ledger.beatReplica({ id: 'nobody', answers: {} });
    expect(known).toHaveLength(replicas - 1);
    await world.holder(aVerified(aPod('new')), { at: 1 });
  });

  it('counts none either when it was taken for dead and joins again', async () => {
    await using world = await createWorld({ replicas: 2, bundles: [leased] });
    await world.pass(6_000);
    const steady = await world.holder(aVerified(aPod('steady')), { at: 0 });
    await steady.take('db');
    using ends = new DisposableStack();
    ends.use(slowDatabase(world));
    await openSlowly(world, 0);
    const [first] = await world.ledger.beatReplica({ id: 'nobody', answers: {} });
    await world.ledger.removeReplica({ id: first?.id ?? '' });
    await world.pass(44_000);
    expect(world.engine(0).cutOffFrom()).toBeUndefined();
    expect(steady.last('sent_away')).toBeUndefined();
    expect(await world.ledger.beatReplica({ id: 'nobody', answers: {} })).toHaveLength(2);
  });
});
