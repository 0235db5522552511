import { describe, expect, it } from 'vitest';
import { aPod, aVerified, createWorld, type Holder, type World } from './world.ts';

const signal = new AbortController().signal;

async function aRun(world: World, size: number): Promise<readonly Holder[]> {
  const names = Array.from({ length: size }, (_, index) => `n${index}`);
  return Promise.all(names.map((name) => world.holder(aVerified(aPod(), name, names))));
}

const open = (holder: Holder) =>
  holder.attachment.open({ bundle: 'db', requestKey: 'k'.repeat(16), resume: undefined }, { signal });

async function acknowledge(holder: Holder): Promise<void> {
  const { session = '', generation } = holder.last('generation') ?? {};
  await holder.attachment.delivered({ session, generation: generation?.id ?? '' });
}

/** How often each method of the ledger is called for a run of that many nodes, from the first open to the last word. */
async function callsOf(size: number): Promise<ReadonlyMap<string, number>> {
  await using world = await createWorld();
  const holders = await aRun(world, size);
  const calls = new Map<string, number>();
  world.setLedger((method) => void calls.set(method, (calls.get(method) ?? 0) + 1));
  await Promise.all(holders.map((holder) => holder.take('db')));
  world.setLedger(() => undefined);
  expect(new Set(holders.map((holder) => holder.login().password)).size).toBe(1);
  expect(world.backend.aliveCredentials()).toHaveLength(1);
  return calls;
}

describe('many holders of one session', () => {
  it('come at once, each at the same cost whatever their number, and get one lease set', async () => {
    const [few, many] = [await callsOf(10), await callsOf(60)];
    for (const [method, calls] of many) {
      const ofFew = few.get(method) ?? 0;
      expect([method, calls <= ofFew || calls <= (ofFew + 3) * 6]).toEqual([method, true]);
    }
    // Both cost a look at all holders.
    expect(many.get('listHolders')).toBeUndefined();
    expect(many.get('listSessions') ?? 0).toBeLessThanOrEqual(60);
  });

  it('keep what is replaced until the last one that is attached has what replaces it', async () => {
    await using world = await createWorld();
    const [first, second, third, away] = await aRun(world, 4);
    if (first === undefined || second === undefined || third === undefined || away === undefined)
      return expect.fail();
    for (const holder of [first, second, third, away]) await holder.take('db');
    const before = first.login().username;
    await away.attachment.detach();
    await world.engine().admin.rotate({ selector: { bundle: 'db' }, reason: 't', by: 'x', dryRun: false });
    await world.settle();
    expect(third.login().username).not.toBe(before);
    await acknowledge(first);
    await acknowledge(third);
    await acknowledge(third);
    await world.settle();
    const alive = () => world.backend.aliveCredentials().length;
    expect(alive()).toBe(2);
    await acknowledge(second);
    await world.settle();
    expect(alive()).toBe(1);
  });

  it('whose values are gone get new ones once, however many come for them', async () => {
    await using world = await createWorld();
    const before = await aRun(world, 8);
    await before[0]?.take('db');
    const old = before[0]?.login().username;
    await world.restart();
    const holders = await aRun(world, 8);
    await Promise.all(holders.map(open));
    for (const holder of holders) await acknowledge(holder);
    await world.settle();
    const logins = new Set(holders.map((holder) => holder.login().username));
    expect(logins.size).toBe(1);
    expect(logins.has(old ?? '')).toBe(false);
    expect(world.records.filter(({ action }) => action === 'rotate')).toHaveLength(1);
  });

  it('are refused, each with a record, from the moment in which the policy does not grant it', async () => {
    await using world = await createWorld();
    const holders = await aRun(world, 6);
    await holders[0]?.take('db');
    world.grant(false);
    await Promise.all(holders.slice(1).map(open));
    await world.settle();
    for (const holder of holders.slice(1)) {
      expect(holder.last('refused')?.code).toBe('not_granted');
      expect(holder.last('generation')).toBeUndefined();
    }
    expect(world.records.filter(({ outcome }) => outcome === 'refused')).toHaveLength(5);
    expect(holders[0]?.last('revoked')?.reason).toBe('not_granted');
    expect(world.backend.aliveCredentials()).toEqual([]);
  });
});
