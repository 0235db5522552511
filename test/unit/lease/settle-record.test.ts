import { describe, expect, it } from 'vitest';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { createWorld, type World } from './world.ts';

const revokeAll = (world: World) =>
  world.engine().admin.revoke({ selector: { all: true }, reason: 'drill', by: 'admin:a', dryRun: false });
const settled = (world: World) => world.records.filter(({ action }) => action === 'settle');

describe('the record of what became of a lease set', () => {
  it('says why its session has ended', async () => {
    await using world = await createWorld();
    await (await world.holder()).take('db');
    await revokeAll(world);
    await world.pass(5_000);
    expect(settled(world)).toMatchObject([{ settlement: 'confirmed', reason: 'admin: drill' }]);
  });

  it('stands once, however often a ledger refuses the end of the lease set', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    let refused = 0;
    let refuses = true;
    world.setLedger((method) => {
      if (method !== 'finishLeaseSet' || !refuses) return;
      refused += 1;
      throw new LeaseholdError('ledger_unavailable');
    });
    await revokeAll(world);
    await world.pass(120_000);
    expect(refused).toBeGreaterThan(5);
    expect(settled(world)).toHaveLength(1);
    refuses = false;
    await world.pass(20_000);
    expect((await world.ledger.findSession(holder.last('opened')?.session ?? ''))?.state).toBe('ended');
    expect(settled(world)).toHaveLength(1);
  });
});
