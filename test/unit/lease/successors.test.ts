import { describe, expect, it } from 'vitest';
import type { Verified } from '../../../src/identity/identity.ts';
import { aRunIdentity } from '../../contract/ledger/runs-contract.ts';
import { aPod, aVerified, createWorld, type Holder, type World } from './world.ts';

const signal = new AbortController().signal;

function sessionOf(holder: Holder): string {
  return holder.last('opened')?.session ?? '';
}

function generationOf(holder: Holder): string {
  return holder.last('generation')?.generation.id ?? '';
}

function acknowledge(holder: Holder): Promise<void> {
  return holder.attachment.delivered({ session: sessionOf(holder), generation: generationOf(holder) });
}

/** A holder whose session is near its deadline. */
async function nearDeadline(world: World): Promise<Holder> {
  const holder = await world.holder();
  await holder.take('db');
  await world.pass(3_310_000);
  return holder;
}

function breakReads(world: World): () => void {
  world.backend.setFault(({ operation, target }) =>
    operation === 'read' && target === 'database/creds/app' ? { fail: 'backend_rejected' } : undefined,
  );
  return () => world.backend.setFault(undefined);
}

describe('a successor that could not be made', () => {
  it('is made by the next proof, without a gap', async () => {
    await using world = await createWorld();
    const holder = await nearDeadline(world);
    const old = holder.login();
    const first = sessionOf(holder);
    const repair = breakReads(world);
    await holder.attachment.refresh(aVerified());
    expect(holder.last('refused')).toBeDefined();
    expect(world.backend.canLogin(old.username, old.password)).toBe(true);
    repair();
    const asked = holder.messages.filter(({ kind }) => kind === 'credential_wanted').length;
    await world.pass(100_000);
    expect(holder.messages.filter(({ kind }) => kind === 'credential_wanted').length).toBeGreaterThan(asked);
    await holder.attachment.refresh(aVerified());
    expect(sessionOf(holder)).not.toBe(first);
    expect(world.backend.canLogin(old.username, old.password)).toBe(true);
    await acknowledge(holder);
    await world.pass(2_000);
    expect(world.backend.canLogin(old.username, old.password)).toBe(false);
    expect(holder.last('revoked')).toBeUndefined();
    expect(world.backend.aliveCredentials()).toHaveLength(1);
  });

  it('does not hold up a new stream of its holder', async () => {
    await using world = await createWorld();
    const holder = await nearDeadline(world);
    const repair = breakReads(world);
    await holder.attachment.refresh(aVerified());
    repair();
    const resume = { session: sessionOf(holder), generation: generationOf(holder) };
    await holder.attachment.detach();
    const again = await world.holder();
    await again.attachment.open({ bundle: 'db', requestKey: 'k'.repeat(16), resume }, { signal });
    await acknowledge(again);
    await world.pass(2_000);
    expect(world.backend.canLogin(again.login().username, again.login().password)).toBe(true);
    expect(world.backend.aliveCredentials()).toHaveLength(1);
  });
});

describe('the session before a successor', () => {
  it('is not ended by a late word about its own generation', async () => {
    await using world = await createWorld();
    const holder = await nearDeadline(world);
    const old = holder.login();
    const late = { session: sessionOf(holder), generation: generationOf(holder) };
    await holder.attachment.refresh(aVerified());
    await holder.attachment.delivered(late);
    await world.pass(2_000);
    expect(world.backend.canLogin(old.username, old.password)).toBe(true);
  });

  it.each(['old', 'new'])('goes with it when a person revokes the %s one by its id', async (which) => {
    await using world = await createWorld();
    const holder = await nearDeadline(world);
    const first = sessionOf(holder);
    await holder.attachment.refresh(aVerified());
    const session = which === 'old' ? first : sessionOf(holder);
    await world.engine().admin.revoke({ selector: { session }, reason: 'x', by: 'admin:a', dryRun: false });
    await world.pass(2_000);
    expect(world.backend.aliveCredentials()).toHaveLength(0);
    const ended = await world.ledger.listSessions({ limit: 5 });
    expect(ended.map(({ state, end }) => `${state} ${end?.reason}`)).toEqual(['ended admin', 'ended admin']);
  });

  it('is ended after a restart that came between the acknowledgement and its end', async () => {
    await using world = await createWorld();
    const holder = await nearDeadline(world);
    await holder.attachment.refresh(aVerified());
    const resume = { session: sessionOf(holder), generation: generationOf(holder) };
    await world.ledger.recordDelivered({ ...resume, holder: 'pod', at: world.clock.now() });
    await world.restart();
    const again = await world.holder();
    await again.attachment.open({ bundle: 'db', requestKey: 'k'.repeat(16), resume }, { signal });
    await world.pass(2_000);
    expect(world.backend.aliveCredentials()).toHaveLength(1);
  });
});

describe('a holder that comes back near the deadline', () => {
  it('is asked for a fresh proof', async () => {
    await using world = await createWorld();
    const holder = await world.holder();
    await holder.take('db');
    const resume = { session: sessionOf(holder), generation: generationOf(holder) };
    await world.pass(3_100_000);
    await holder.attachment.detach();
    await world.pass(220_000);
    const again = await world.holder(aVerified(aPod()));
    await again.attachment.open({ bundle: 'db', requestKey: 'k'.repeat(16), resume }, { signal });
    await world.pass(80_000);
    expect(again.last('credential_wanted')).toBeDefined();
  });
});

describe('a run whose time limit is raised', () => {
  const identity = aRunIdentity({ nodes: ['n1'] });
  const aRun = (endsAt: number): Verified => ({
    identity,
    holder: 'n1',
    holders: ['n1'],
    credentialId: 'hpc/n1/0',
    credentialExpiresAt: Number.MAX_SAFE_INTEGER,
    run: { bundles: ['db'], restarts: 0, endsAt },
  });

  const register = (world: World, endsAt: number) =>
    world.ledger.registerRun({
      run: { identity, restarts: 0, sluid: undefined, endsAt, bundles: ['db'] },
      at: world.clock.now(),
    });

  it('gets a new token and new leases before the old deadline, which no renewal passes', async () => {
    await using world = await createWorld();
    const endsAt = world.clock.now() + 600_000;
    await register(world, endsAt);
    const holder = await world.holder(aRun(endsAt));
    await holder.take('db');
    const [old, session] = [holder.login(), sessionOf(holder)];
    const deadline = holder.last('opened')?.deadlineAt ?? 0;
    expect(deadline).toBe(endsAt + 600_000);
    await world.pass(deadline - 200_000 - world.clock.now());
    expect(holder.last('credential_wanted')).toMatchObject({ by: deadline });
    for (const { leaseSets } of await world.ledger.listSessions({ limit: 5 }))
      for (const { expiresAt } of leaseSets) expect(expiresAt).toBeLessThanOrEqual(deadline);
    await holder.attachment.refresh(aRun(endsAt + 1_800_000));
    expect(sessionOf(holder)).not.toBe(session);
    expect(holder.login()).not.toEqual(old);
    expect(holder.last('opened')?.deadlineAt).toBe(endsAt + 1_800_000 + 600_000);
    await acknowledge(holder);
    await world.pass(2_000);
    expect(world.backend.canLogin(old.username, old.password)).toBe(false);
    await world.pass(400_000);
    const { username, password } = holder.login();
    expect(world.backend.canLogin(username, password)).toBe(true);
    expect(world.records.filter(({ action }) => action === 'open')).toHaveLength(2);
  });

  it('ends with its old deadline when its node never says a word again', async () => {
    await using world = await createWorld();
    const endsAt = world.clock.now() + 600_000;
    await register(world, endsAt);
    const holder = await world.holder(aRun(endsAt));
    await holder.take('db');
    const { username, password } = holder.login();
    await world.pass(1_202_000);
    expect(world.backend.canLogin(username, password)).toBe(false);
    expect(holder.last('revoked')).toMatchObject({ reason: 'deadline' });
  });
});
