import { describe, expect, it } from 'vitest';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { createWorld, type World } from './world.ts';

const revokeAll = (world: World, replica = 0) =>
  world
    .engine(replica)
    .admin.revoke({ selector: { all: true }, reason: 'drill', by: 'admin:a', dryRun: false });
/** Of sessions; the record of an administrator's wish names none. */
const ended = (world: World) =>
  world.records.filter(({ action, session }) => action === 'revoke' && session !== undefined);
/** What a broker that takes over would find. */
const unrecorded = async (world: World) => {
  for (const { id } of await world.ledger.beatReplica({ id: 'rep_none', answers: {} }))
    await world.ledger.removeReplica({ id });
  return world.ledger.takeUnrecordedEnds({ replica: 'rep_test', limit: 10 });
};
/** The first replica dies at that step. */
const dieAt = (world: World, step: string) => {
  let death: Promise<void> | undefined;
  world.setReach((reached) => {
    if (reached !== step || death !== undefined) return undefined;
    death = world.kill(0);
    // What dies does not go on.
    return new Promise<void>((_resolve, reject) => setImmediate(() => reject(new Error('dead'))));
  });
};

describe('the record of who ended a session', () => {
  it('is written by another broker where the one that did it has died before', async () => {
    await using world = await createWorld({ replicas: 2 });
    const holder = await world.holder(undefined, { at: 0 });
    await holder.take('db');
    await world.pass(5_000);
    dieAt(world, 'revoke.begun');
    await expect(revokeAll(world)).rejects.toMatchObject({ code: 'internal' });
    expect(ended(world)).toEqual([]);
    await world.pass(60_000);
    const session = holder.last('opened')?.session;
    expect(ended(world)).toMatchObject([
      { session, actor: 'admin:a', reason: 'admin: drill', outcome: 'ok' },
    ]);
    expect(ended(world)[0]?.happenedAt).toMatch(/Z$/);
    expect((await world.ledger.findSession(session ?? ''))?.state).toBe('ended');
    await world.pass(5_000);
    expect(await unrecorded(world)).toEqual([]);
  });

  it('is written by the next life of a broker that is alone, before anybody asks', async () => {
    await using world = await createWorld();
    await (await world.holder()).take('db');
    world.setReach((step) => {
      if (step === 'revoke.begun') throw new Error('dead');
    });
    await expect(revokeAll(world)).rejects.toMatchObject({ code: 'internal' });
    world.setReach(() => undefined);
    expect(ended(world)).toEqual([]);
    await world.restore(await world.copyLedger());
    await world.pass(2_000);
    expect(ended(world)).toHaveLength(1);
  });

  it('stands once where all goes well, and the ledger forgets that it was owed', async () => {
    await using world = await createWorld({ replicas: 2 });
    await (await world.holder()).take('db');
    await revokeAll(world);
    await world.pass(20_000);
    await world.kill(0);
    await world.pass(120_000);
    expect(ended(world)).toHaveLength(1);
    expect(await unrecorded(world)).toEqual([]);
  });

  it('is owed in the ledger for as long as the log owes anything', async () => {
    await using world = await createWorld({ replicas: 2 });
    await (await world.holder()).take('db');
    await world.pass(5_000);
    world.setAuditBroken(true);
    await revokeAll(world);
    await world.pass(30_000);
    expect(ended(world)).toEqual([]);
    await world.kill(0);
    world.setAuditBroken(false);
    await world.pass(120_000);
    expect(ended(world)).toMatchObject([{ actor: 'admin:a', reason: 'admin: drill' }]);
  });

  it('waits in the ledger, with that of what became of the credentials, while the log can owe no more', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const session = holder.last('opened')?.session ?? '';
    world.setAuditRoom(false);
    await revokeAll(world);
    await world.pass(120_000);
    expect(world.backend.aliveCredentials()).toEqual([]);
    const waiting = await world.ledger.findSession(session);
    expect(waiting?.state).toBe('revoking');
    const settlements = waiting?.leaseSets.flatMap(({ credentials }) =>
      credentials.map((one) => one.settlement),
    );
    expect(new Set(settlements)).toEqual(new Set(['confirmed']));
    const told = () => world.records.filter((one) => one.session === session && one.action === 'settle');
    expect([...ended(world), ...told()]).toEqual([]);
    world.setAuditRoom(true);
    await world.pass(120_000);
    expect(ended(world)).toMatchObject([{ session, actor: 'admin:a', reason: 'admin: drill' }]);
    expect(ended(world)[0]?.happenedAt).toMatch(/Z$/);
    expect(told()).toHaveLength(1);
    expect((await world.ledger.findSession(session))?.state).toBe('ended');
    await world.kill(0);
    expect(await unrecorded(world)).toEqual([]);
  });

  it('is written by the broker that asked for the end and lost the ledger’s answer', async () => {
    await using world = await createWorld();
    await (await world.holder()).take('db');
    let isLost = false;
    world.setAround(async ({ method }, proceed) => {
      const answer = await proceed();
      if (method !== 'beginRevoke' || isLost) return answer;
      isLost = true;
      throw new LeaseholdError('ledger_unavailable');
    });
    await expect(revokeAll(world)).rejects.toMatchObject({ code: 'ledger_unavailable' });
    expect(ended(world)).toEqual([]);
    await world.pass(10_000);
    expect(ended(world)).toMatchObject([{ actor: 'admin:a', reason: 'admin: drill' }]);
    await world.pass(60_000);
    expect(ended(world)).toHaveLength(1);
  });
});
