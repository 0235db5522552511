import { describe, expect, it } from 'vitest';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { aPod, aVerified, createWorld, type Holder, type World } from './world.ts';

const signal = new AbortController().signal;
const nodes = ['n1', 'n2', 'n3'];
const node = (name: string) => aVerified(aPod(), name, nodes);

function sessionOf(holder: Holder): string {
  return holder.last('opened')?.session ?? '';
}

/** The end that a session comes to when nobody holds it: in time, so that every credential is confirmed. */
async function expectDetachedInTime(world: World, id: string): Promise<void> {
  const session = await world.ledger.findSession(id);
  expect(session).toMatchObject({ state: 'ended', end: { reason: 'detached' } });
  const settled = session?.leaseSets.flatMap(({ credentials }) =>
    credentials.map(({ settlement }) => settlement),
  );
  expect(new Set(settled)).toEqual(new Set(['confirmed']));
  expect(world.backend.aliveCredentials()).toHaveLength(0);
}

function resumeOf(holder: Holder) {
  return { session: sessionOf(holder), generation: holder.last('generation')?.generation.id ?? '' };
}

describe('a session that nobody holds any more is revoked before its credentials lapse', () => {
  it('when another stream of the holder took over and asked for nothing', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const again = await world.holder();
    await holder.attachment.detach();
    await again.attachment.detach();
    await world.pass(620_000);
    await expectDetachedInTime(world, sessionOf(holder));
  });

  it('when another stream took over while the session was being opened', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    const reading = Promise.withResolvers<undefined>();
    let reached = false;
    world.setReach(async (step) => {
      if (step !== 'lease.recorded' || reached) return;
      reached = true;
      await reading.promise;
    });
    const opening = holder.take('db');
    await world.settle();
    const again = await world.holder();
    await again.attachment.detach();
    reading.resolve(undefined);
    await opening;
    await holder.attachment.detach();
    expect(holder.last('generation')).toBeUndefined();
    const [session] = await world.ledger.listSessions({ limit: 1 });
    await world.pass(620_000);
    await expectDetachedInTime(world, session?.id ?? '');
  });

  it('when one of several released it and the others left', async () => {
    await using world = await createWorld();
    const [first, second] = [await world.holder(node('n1')), await world.holder(node('n2'))];
    await first.take('db');
    await second.take('db');
    await first.attachment.release({ session: sessionOf(first) });
    await first.attachment.detach();
    await second.attachment.detach();
    await world.pass(620_000);
    await expectDetachedInTime(world, sessionOf(first));
  });

  it('when the ledger could not take the word that it was let go', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    await holder.take('kv');
    world.setLedger((method) => {
      if (method === 'detachHolder') throw new LeaseholdError('ledger_unavailable');
    });
    await holder.attachment.detach();
    await world.pass(1_000);
    world.setLedger(() => undefined);
    await world.pass(640_000);
    const sessions = await world.ledger.listSessions({ limit: 10 });
    expect(sessions.map(({ state, end }) => `${state} ${end?.reason}`)).toEqual([
      'ended detached',
      'ended detached',
    ]);
    expect(world.backend.aliveCredentials()).toHaveLength(0);
  });

  it('when a new stream opened it while the old one was still being let go', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const resume = resumeOf(holder);
    const slow = Promise.withResolvers<undefined>();
    let held = false;
    world.setLedger(async (method) => {
      if (method !== 'detachHolder' || held) return;
      held = true;
      await slow.promise;
    });
    const detaching = holder.attachment.detach();
    await world.settle();
    const again = await world.holder();
    const opening = again.attachment.open({ bundle: 'db', requestKey: 'k'.repeat(16), resume }, { signal });
    await world.settle();
    slow.resolve(undefined);
    await Promise.all([detaching, opening]);
    await world.pass(900_000);
    expect(world.backend.aliveCredentials()).toHaveLength(1);
    await again.attachment.detach();
    await world.pass(620_000);
    await expectDetachedInTime(world, resume.session);
  });

  it('when the holders of a successor leave in any order', async () => {
    await using world = await createWorld();
    const [first, second, third] = [
      await world.holder(node('n1')),
      await world.holder(node('n2')),
      await world.holder(node('n3')),
    ];
    const holders = [first, second, third];
    for (const holder of holders) await holder.take('db');
    await world.pass(3_310_000);
    await first.attachment.refresh(node('n1'));
    const session = sessionOf(second);
    for (const holder of holders)
      await holder.attachment.delivered({
        session,
        generation: holder.last('generation')?.generation.id ?? '',
      });
    await first.attachment.detach();
    await world.pass(700_000);
    expect((await world.ledger.findSession(session))?.state).toBe('active');
    await second.attachment.detach();
    await third.attachment.detach();
    await world.pass(620_000);
    await expectDetachedInTime(world, session);
  });

  it('when nobody comes back after a restart that left little time', async () => {
    await using world = await createWorld({ settings: { reattachGraceMs: 500_000 } });
    const holder = await world.holder();
    await holder.take('db');
    await world.pass(300_000);
    await world.restart();
    await world.pass(320_000);
    await expectDetachedInTime(world, sessionOf(holder));
  });
});

describe('a session that was being opened when its broker died', () => {
  it('ends when its lease set is being revoked already', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    world.backend.setFault(({ operation, target }) =>
      operation === 'read' && target === 'database/creds/app' ? { fail: 'backend_denied' } : undefined,
    );
    // The word that the session ends never reaches the ledger.
    world.setLedger((method) => {
      if (method === 'beginRevoke') throw new LeaseholdError('ledger_unavailable');
    });
    await holder.take('db');
    await world.restart();
    world.setLedger(() => undefined);
    await world.pass(200_000);
    const [session] = await world.ledger.listSessions({ limit: 1 });
    expect(session).toMatchObject({ state: 'ended' });
    expect(world.backend.aliveTokens()).toHaveLength(0);
  });

  it('ends without a restart when the ledger was away at the wrong moment', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    world.backend.setFault(({ operation, target }) =>
      operation === 'read' && target === 'database/creds/app' ? { fail: 'backend_denied' } : undefined,
    );
    let failures = 0;
    world.setLedger((method) => {
      if (method !== 'beginRevoke' || failures > 0) return;
      failures += 1;
      throw new LeaseholdError('ledger_unavailable');
    });
    await holder.take('db');
    await world.pass(30_000);
    const [session] = await world.ledger.listSessions({ limit: 1 });
    expect(session).toMatchObject({ state: 'ended', end: { reason: 'issue_failed' } });
  });
});

describe('a restart', () => {
  it('ends no session because the credentials that it is replacing end soon', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const session = sessionOf(holder);
    await world
      .engine()
      .admin.rotate({ selector: { session }, reason: 'test', by: 'admin:alice', dryRun: false });
    await world.pass(20_000);
    await world.restart();
    await world.pass(300_000);
    expect((await world.ledger.findSession(session))?.state).toBe('active');
  });
});
