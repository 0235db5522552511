import { describe, expect, it } from 'vitest';
import { aPod, aVerified, createWorld, type Holder, type World } from './world.ts';

/** Past the probation, the request limit and every working ttl. */
const boundMs = 900_000;

const sessionOf = (holder: Holder) => holder.last('opened')?.session ?? '';

async function take(world: World, uid: string): Promise<Holder> {
  const holder = await world.holder(aVerified(aPod(uid)));
  await holder.take('db');
  return holder;
}

/** The same workload, back with what its files say. */
async function comeBack(world: World, uid: string, before: Holder): Promise<Holder> {
  const holder = await world.holder(aVerified(aPod(uid)));
  await holder.attachment.open(
    {
      bundle: 'db',
      requestKey: `req_${uid}`,
      resume: { session: sessionOf(before), generation: before.last('generation')?.generation.id ?? '' },
    },
    { signal: new AbortController().signal },
  );
  await world.settle();
  const generation = holder.last('generation');
  if (generation !== undefined)
    await holder.attachment.delivered({
      session: generation.session,
      generation: generation.generation.id,
    });
  return holder;
}

async function settlements(world: World, session: string): Promise<readonly string[]> {
  const found = await world.ledger.findSession(session);
  return found?.leaseSets.flatMap((set) => set.credentials.map(({ settlement }) => settlement)) ?? [];
}

async function expectOnlyKnown(world: World): Promise<void> {
  const known = new Set<string>();
  for (const { id } of await world.ledger.listSessions({ limit: 100 })) {
    const session = await world.ledger.findSession(id);
    for (const { credentials } of session?.leaseSets ?? [])
      for (const { reference } of credentials) known.add(reference);
  }
  for (const { leaseId } of world.backend.aliveCredentials()) expect(known.has(leaseId ?? '')).toBe(true);
  for (const { accessor } of world.backend.aliveTokens()) expect(known.has(accessor)).toBe(true);
}

describe("yesterday's copy of the ledger", () => {
  it('resurrects nothing that was revoked since, and says under which name it found it gone', async () => {
    await using world = await createWorld();
    const holder = await take(world, 'u1');
    const copy = await world.copyLedger();
    const { username, password } = holder.login();
    await world.engine().admin.revoke({ selector: { all: true }, reason: 'x', by: 'admin:a', dryRun: false });
    await world.pass(5_000);
    expect(await settlements(world, sessionOf(holder))).toEqual(['confirmed', 'confirmed']);

    await world.restore(copy);
    // Its workload ended with the revocation: nobody comes back.
    world.setState(aPod('u1').workload, { phase: 'ended', freshness: 'fresh' });
    await world.pass(30_000);
    expect(world.backend.canLogin(username, password)).toBe(false);
    expect(await settlements(world, sessionOf(holder))).toEqual(['vanished', 'vanished']);
    expect(world.engine().events.counters().vanished).toBe(2);
    expect(world.records.filter(({ action }) => action === 'settle').at(-1)).toMatchObject({
      session: sessionOf(holder),
    });
    await expectOnlyKnown(world);
  });

  it('knows nothing of a session that was opened since: its holder gets a new one, its leases end by themselves', async () => {
    await using world = await createWorld();
    const copy = await world.copyLedger();
    const before = await take(world, 'u1');
    const { username, password } = before.login();

    await world.restore(copy);
    const after = await comeBack(world, 'u1', before);
    // A sidecar then removes its files and asks without them.
    expect(after.last('refused')?.code).toBe('session_unknown');
    await after.take('db');
    const fresh = after.login();
    expect(world.backend.canLogin(fresh.username, fresh.password)).toBe(true);
    expect(fresh.username).not.toBe(username);
    await world.pass(boundMs);
    expect(world.backend.canLogin(username, password)).toBe(false);
    expect(world.backend.canLogin(fresh.username, fresh.password)).toBe(true);
    await expectOnlyKnown(world);
  });

  it('takes a holder whose generation it does not know for one that needs new credentials, and ends all the old ones', async () => {
    await using world = await createWorld();
    const before = await take(world, 'u1');
    const copy = await world.copyLedger();
    const first = before.login();
    await world.engine().admin.rotate({ selector: { all: true }, reason: 'x', by: 'admin:a', dryRun: false });
    await world.pass(5_000);
    const second = before.login();
    expect(second.username).not.toBe(first.username);

    await world.restore(copy);
    const after = await comeBack(world, 'u1', before);
    await world.pass(boundMs);
    const last = after.login();
    expect(world.backend.canLogin(last.username, last.password)).toBe(true);
    for (const old of [first, second]) expect(world.backend.canLogin(old.username, old.password)).toBe(false);
    await expectOnlyKnown(world);
  });
});
