import { describe, expect, it } from 'vitest';
import { LeaseholdError } from '../../../src/platform/error.ts';
import type { Step } from '../../../src/lease/steps.ts';
import { aPod, aVerified, createWorld, type Holder, kvBundle, type World } from './world.ts';

const signal = new AbortController().signal;

function sessionOf(holder: Holder): string {
  return holder.last('opened')?.session ?? '';
}

function revokeAll(world: World) {
  return world.engine().admin.revoke({ selector: { all: true }, reason: 'x', by: 'admin:a', dryRun: false });
}

/** Once, when that step is reached. */
function onStep(world: World, wanted: Step, task: () => Promise<unknown>): void {
  let done = false;
  world.setReach(async (step) => {
    if (step !== wanted || done) return;
    done = true;
    await task();
  });
}

async function expectNothingHeld(world: World): Promise<void> {
  await world.pass(5_000);
  expect(world.backend.aliveCredentials()).toHaveLength(0);
  expect(world.engine().hub.sessions()).toEqual([]);
}

describe('a revocation in the middle of an open', () => {
  it.each(['session.begun', 'token.recorded', 'lease_set.activated', 'issue.audited'] as const)(
    'at %s: nothing is delivered',
    async (step) => {
      await using world = await createWorld();
      const holder = await world.holder();
      onStep(world, step, () => revokeAll(world));
      await holder.take('db');
      expect(holder.last('opened')).toBeUndefined();
      expect(holder.last('generation')).toBeUndefined();
      await expectNothingHeld(world);
    },
  );

  it('while its delivery is being recorded: the values stay here', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    world.setAudit(async ({ action }) => {
      if (action === 'deliver') await revokeAll(world);
    });
    await holder.take('db');
    expect(holder.messages.map(({ kind }) => kind)).toEqual(['opened', 'revoked']);
    await expectNothingHeld(world);
  });

  it('of a session that is being resumed: the holder is not told that it stands', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const resume = {
      session: sessionOf(holder),
      generation: holder.last('generation')?.generation.id ?? '',
    };
    const again = await world.holder();
    world.setAudit(async ({ action }) => {
      if (action === 'open') await revokeAll(world);
    });
    await again.attachment.open({ bundle: 'db', requestKey: 'k'.repeat(16), resume }, { signal });
    expect(again.last('opened')).toBeUndefined();
    expect(again.last('generation')).toBeUndefined();
    await expectNothingHeld(world);
  });

  it.each(['lease_set.begun', 'lease_set.activated', 'issue.audited'] as const)(
    'of a session that is being rotated, at %s: no generation follows',
    async (step) => {
      await using world = await createWorld();
      const holder = await world.holder();
      await holder.take('db');
      const session = sessionOf(holder);
      onStep(world, step, () => revokeAll(world));
      await world
        .engine()
        .admin.rotate({ selector: { session }, reason: 'test', by: 'admin:a', dryRun: false });
      await world.pass(2_000);
      expect(holder.messages.map(({ kind }) => kind)).toEqual(['opened', 'generation', 'revoked']);
      await expectNothingHeld(world);
    },
  );
});

describe('values in memory', () => {
  it('are not sent empty when a late word lets go of them in the middle of a delivery', async () => {
    await using world = await createWorld();
    const first = await world.holder();
    await first.attachment.open({ bundle: 'db', requestKey: 'k'.repeat(16), resume: undefined }, { signal });
    const late = {
      session: sessionOf(first),
      generation: first.last('generation')?.generation.id ?? '',
    };
    const second = await world.holder();
    let isTold = false;
    world.setAudit(async ({ action }) => {
      if (action !== 'deliver' || isTold) return;
      isTold = true;
      await first.attachment.delivered(late);
    });
    await second.take('db');
    if (second.last('generation') === undefined) await second.take('db');
    const { username, password } = second.login();
    expect(world.backend.canLogin(username, password)).toBe(true);
  });
});

describe('a rule that changes in the middle of an open', () => {
  const slowly = (world: World) =>
    world.backend.setFault(({ operation }) => (operation === 'read' ? { delayMs: 2_000 } : undefined));

  it.each(['db', 'kv'])('a lock refuses %s although the decision came first', async (bundle) => {
    await using world = await createWorld();
    const holder = await world.holder();
    slowly(world);
    const opening = holder.take(bundle);
    await world.settle();
    await world
      .engine()
      .admin.addLock({ selector: { namespace: 'ml' }, reason: 'incident', by: 'admin:a', dryRun: false });
    await world.pass(10_000);
    await opening;
    expect(holder.last('generation')).toBeUndefined();
    expect(holder.last('refused')).toMatchObject({ code: 'locked' });
    await expectNothingHeld(world);
  });

  it.each(['db', 'kv'])('a policy that no longer grants %s is obeyed', async (bundle) => {
    await using world = await createWorld();
    const holder = await world.holder();
    slowly(world);
    const opening = holder.take(bundle);
    await world.settle();
    world.grant(false);
    await world.pass(10_000);
    await opening;
    expect(holder.last('generation')).toBeUndefined();
    expect(holder.last('refused')).toMatchObject({ code: 'not_granted' });
    await expectNothingHeld(world);
  });

  it('a lock counts at once, whatever was being read when it was added', async () => {
    await using world = await createWorld();
    const first = await world.holder();
    const listing = Promise.withResolvers<undefined>();
    let held = false;
    world.setLedger(async (method) => {
      if (method !== 'addLock' || held) return;
      held = true;
      // Another open is reading the locks while this one is written.
      const reading = first.take('kv');
      listing.resolve(undefined);
      await reading;
    });
    await world
      .engine()
      .admin.addLock({ selector: { namespace: 'ml' }, reason: 'incident', by: 'admin:a', dryRun: false });
    await listing.promise;
    const second = await world.holder(aVerified(aPod('uid-2')));
    await second.take('kv');
    expect(second.last('refused')).toMatchObject({ code: 'locked' });
  });
});

describe('a session that the rules no longer allow', () => {
  it('ends when its holder comes back after a restart and is refused', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    await world.restart();
    world.grant(false);
    const again = await world.holder();
    await again.take('db');
    expect(again.last('refused')).toMatchObject({ code: 'not_granted' });
    expect((await world.ledger.findSession(sessionOf(holder)))?.end?.reason).toBe('not_granted');
    await expectNothingHeld(world);
  });

  it('ends when a reload takes its bundle away, and its values with it', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    world.setBundles([kvBundle]);
    await world.pass(2_000);
    expect(holder.last('revoked')).toMatchObject({ reason: 'not_granted', mayReopen: false });
    await expectNothingHeld(world);
    await holder.take('db');
    expect(holder.last('refused')).toMatchObject({ code: 'not_granted' });
  });

  it('ends although the ledger was away when the policy changed', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('kv');
    world.setLedger((method) => {
      if (method === 'beginRevoke') throw new LeaseholdError('ledger_unavailable');
    });
    world.grant(false);
    await world.pass(1_000);
    expect(holder.last('revoked')).toBeUndefined();
    world.setLedger(() => undefined);
    await world.pass(15_000);
    expect(holder.last('revoked')).toMatchObject({ reason: 'not_granted' });
  });

  it('is not the only one that is looked at when its end fails', async () => {
    await using world = await createWorld();
    const holders = [];
    for (const uid of ['u1', 'u2', 'u3']) {
      const holder = await world.holder(aVerified(aPod(uid)));
      await holder.take('kv');
      holders.push(holder);
    }
    let failures = 0;
    world.setLedger((method) => {
      if (method !== 'beginRevoke' || failures > 0) return;
      failures += 1;
      throw new LeaseholdError('ledger_unavailable');
    });
    world.grant(false);
    await world.pass(500);
    expect(holders.filter((holder) => holder.last('revoked') !== undefined)).toHaveLength(2);
  });
});
