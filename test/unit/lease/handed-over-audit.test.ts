import { describe, expect, it } from 'vitest';
import { aPod, aVerified, createWorld, dbBundle, type Holder, type World } from './world.ts';

const signal = new AbortController().signal;
/** Leases alone, replaced every ten minutes. */
const rotating = {
  ...dbBundle,
  rotateSeconds: 600,
  maxSeconds: 36_000,
  secrets: dbBundle.secrets.filter(({ kind }) => kind === 'leased'),
};
const two = { replicas: 2, bundles: [rotating] };

const comeBack = async (world: World, before: Holder, replica: number): Promise<Holder> => {
  await before.attachment.detach();
  const holder = await world.holder(undefined, { at: replica });
  const resume = {
    session: before.last('opened')?.session ?? '',
    generation: before.last('generation')?.generation.id ?? '',
  };
  await holder.attachment.open({ bundle: 'db', requestKey: 'k'.repeat(16), resume }, { signal });
  return holder;
};
const count = (world: World, action: string) =>
  world.records.filter((record) => record.action === action).length;
const attach = (world: World, replica: number) =>
  world.holder(aVerified(aPod(`at-${replica}`)), { at: replica }).then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a replica whose audit log alone takes no records', () => {
  it('hands its holders over to those that can rotate what they hold, and takes them again when it can', async () => {
    await using world = await createWorld(two);
    const holder = await world.holder();
    await holder.take('db');
    await world.pass(5_000);
    const changes: unknown[] = [];
    world.engine(0).whenCutOffChanges(() => changes.push(world.engine(0).cutOffFrom()));
    world.cutAudit([0], true);
    await world.pass(600_000);
    expect(holder.last('sent_away')).toMatchObject({ code: 'audit_unavailable' });
    expect(holder.messages.filter(({ kind }) => kind === 'sent_away')).toHaveLength(1);
    expect(await attach(world, 0)).toMatchObject({ code: 'audit_unavailable' });
    const elsewhere = await comeBack(world, holder, 1);
    await world.pass(120_000);
    expect(count(world, 'rotate')).toBe(1);
    expect(elsewhere.last('generation')?.session).toBe(holder.last('opened')?.session);
    expect(elsewhere.last('revoked')).toBeUndefined();

    world.cutAudit([0], false);
    await world.pass(20_000);
    expect(changes).toEqual(['audit_unavailable', undefined]);
    expect(await attach(world, 0)).toBeUndefined();
    // What each of the two has tried: that the log is back, and that its own is well while the other's is not.
    expect(count(world, 'probe')).toBe(2);
  });

  it('leaves the rotation to the others while nobody has come yet', async () => {
    await using world = await createWorld(two);
    const holder = await world.holder();
    await holder.take('db');
    await world.pass(5_000);
    world.cutAudit([0], true);
    await world.pass(700_000);
    // Work that it claimed and cannot do is free for the one that the holder is at next.
    expect(world.engine(0).cutOffFrom()).toBe('audit_unavailable');
    const elsewhere = await comeBack(world, holder, 1);
    await world.pass(10_000);
    expect(elsewhere.last('generation')).toBeDefined();
  });

  it('keeps its holders when the logs of all are gone, also where nothing was to be written', async () => {
    await using world = await createWorld(two);
    const holder = await world.holder();
    await holder.take('db');
    await world.pass(5_000);
    world.cutAudit([0, 1], true);
    await world.pass(900_000);
    expect(count(world, 'rotate')).toBe(0);
    expect(holder.last('sent_away')).toBeUndefined();
    expect(holder.last('revoked')).toBeUndefined();
    world.cutAudit([0, 1], false);
    await world.pass(120_000);
    expect(holder.last('sent_away')).toBeUndefined();
    expect(count(world, 'rotate')).toBe(1);
  });

  it('keeps them when it is the only one', async () => {
    await using world = await createWorld({ ...two, replicas: 1 });
    const holder = await world.holder();
    await holder.take('db');
    world.cutAudit([0], true);
    await world.pass(900_000);
    expect(holder.last('sent_away')).toBeUndefined();
    expect(count(world, 'probe')).toBe(0);
  });

  it('is not one that has nothing to write, and that writes nothing', async () => {
    await using world = await createWorld(two);
    const before = world.records.length;
    await world.pass(3_600_000);
    expect(world.engine(0).cutOffFrom()).toBeUndefined();
    expect(world.engine(1).cutOffFrom()).toBeUndefined();
    expect(world.records.slice(before)).toEqual([]);
  });

  it('is nobody who looks again when another one dies', async () => {
    await using world = await createWorld(two);
    await world.pass(20_000);
    await world.kill(1);
    await world.pass(60_000);
    expect(count(world, 'probe')).toBe(0);
    expect(world.engine(0).cutOffFrom()).toBeUndefined();
  });
});
