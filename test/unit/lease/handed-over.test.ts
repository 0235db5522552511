import { describe, expect, it } from 'vitest';
import { aPod, aVerified, createWorld, dbBundle, type Holder, kvBundle, type World } from './world.ts';

const signal = new AbortController().signal;
/** Leases alone. */
const leased = { ...dbBundle, secrets: dbBundle.secrets.filter(({ kind }) => kind === 'leased') };
const two = { replicas: 2, bundles: [leased, kvBundle] };

const resumeOf = (holder: Holder) => ({
  session: holder.last('opened')?.session ?? '',
  generation: holder.last('generation')?.generation.id ?? '',
});
const openAgain = (holder: Holder, before: Holder): Promise<void> =>
  holder.attachment.open({ bundle: 'db', requestKey: 'k'.repeat(16), resume: resumeOf(before) }, { signal });
const refusalOf = async (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );
const works = (world: World, { username }: { readonly username: string }) =>
  username !== '' && JSON.stringify(world.backend.aliveCredentials()).includes(username);
/** Lease sets that became current. */
const made = (world: World) => world.records.filter(({ action }) => action === 'issue').length;

describe('a replica whose way to the backend is cut, while others have one', () => {
  it.each(['refused', 'silent'] as const)(
    'hands its holders over, and nothing is issued or lost: %s',
    async (how) => {
      await using world = await createWorld(two);
      const holder = await world.holder();
      const changes: unknown[] = [];
      world.engine(0).whenCutOffChanges(() => changes.push(world.engine(0).cutOffFrom()));
      await holder.take('db');
      await world.pass(5_000);
      world.cutBackend(0, how);
      await world.pass(20_000);
      expect(holder.last('sent_away')).toMatchObject({ code: 'backend_unavailable' });
      expect(holder.messages.filter(({ kind }) => kind === 'sent_away')).toHaveLength(1);
      expect(holder.last('revoked')).toBeUndefined();
      await holder.attachment.detach();
      expect(await refusalOf(world.holder())).toMatchObject({ code: 'backend_unavailable' });
      const again = await world.holder(undefined, { at: 1 });
      await openAgain(again, holder);
      expect(again.last('opened')).toMatchObject({ resumed: true });
      await world.pass(900_000);
      expect(works(world, holder.login())).toBe(true);
      expect(again.last('revoked')).toBeUndefined();
      expect(made(world)).toBe(1);

      expect(changes).toEqual(['backend_unavailable']);
      world.cutBackend(0, undefined);
      await world.pass(100_000);
      expect(changes).toEqual(['backend_unavailable', undefined]);
      const back = await world.holder(undefined, { at: 0 });
      await openAgain(back, holder);
      expect(back.last('opened')).toMatchObject({ resumed: true });
      await world.pass(60_000);
      expect(back.last('sent_away')).toBeUndefined();
      expect(made(world)).toBe(1);
    },
  );

  it('says so to load balancers in the moment in which it shows it', async () => {
    await using world = await createWorld(two);
    await world.pass(5_000);
    let told: unknown;
    world.engine(0).whenCutOffChanges(() => (told = world.engine(0).cutOffFrom()));
    const seen = new Set<unknown>();
    for (const how of ['refused', undefined] as const) {
      world.cutBackend(0, how);
      for (let step = 0; step < 80; step += 1) {
        await world.pass(250);
        expect(told).toBe(world.engine(0).cutOffFrom());
        seen.add(told);
      }
    }
    expect([...seen]).toEqual([undefined, 'backend_unavailable']);
    expect(told).toBeUndefined();
  });

  it.each(['refused', 'silent'] as const)('leaves revocations to them: %s', async (how) => {
    await using world = await createWorld(two);
    const holders: Holder[] = [];
    for (let index = 0; index < 6; index += 1) {
      const holder = await world.holder(aVerified(aPod(`u${index}`)));
      await holder.take('db');
      holders.push(holder);
    }
    await world.pass(5_000);
    world.cutBackend(0, how);
    await world
      .engine(0)
      .admin.revoke({ selector: { all: true }, reason: 'x', by: 'admin:a', dryRun: false });
    for (const holder of holders) expect(holder.last('revoked')).toMatchObject({ reason: 'admin' });
    await world.pass(25_000);
    expect(world.backend.aliveCredentials()).toEqual([]);
    const counts = await world.ledger.count();
    expect(counts.credentials.outstanding).toBe(0);
    expect(counts.credentials.confirmed).toBe(12);
  });

  it('tells who watches there what the others have revoked', async () => {
    await using world = await createWorld(two);
    const holder = await world.holder();
    await holder.take('db');
    await world.pass(5_000);
    const stop = new AbortController();
    const states: string[] = [];
    const { admin } = world.engine(0);
    const watched = admin.watch({ selector: { all: true }, by: 'admin:a', signal: stop.signal });
    const watching = (async () => {
      for await (const { state } of watched) states.push(state);
    })();
    world.cutBackend(0, 'refused');
    await admin.revoke({ selector: { all: true }, reason: 'x', by: 'admin:a', dryRun: false });
    await world.pass(40_000);
    stop.abort();
    await watching;
    expect(states.at(-2)).toBe('revoking');
    expect(states.at(-1)).toBe('ended');
  });

  it('tells a holder that comes back hours later nothing of the trouble that it had then', async () => {
    await using world = await createWorld(two);
    const holder = await world.holder();
    await holder.take('db');
    await world.pass(5_000);
    for (const replica of [0, 1]) world.cutBackend(replica, 'refused');
    await world.pass(450_000);
    world.cutBackend(1, undefined);
    await world.pass(30_000);
    expect(holder.last('degraded')).toMatchObject({ code: 'backend_unavailable' });
    expect(holder.last('sent_away')).toMatchObject({ code: 'backend_unavailable' });
    await holder.attachment.detach();
    const elsewhere = await world.holder(undefined, { at: 1 });
    await openAgain(elsewhere, holder);
    world.cutBackend(0, undefined);
    await world.pass(1_800_000);
    expect(elsewhere.last('revoked')).toBeUndefined();
    await elsewhere.attachment.detach();
    const back = await world.holder();
    await openAgain(back, holder);
    expect(back.last('opened')).toMatchObject({ resumed: true });
    await world.pass(120_000);
    expect(back.last('degraded')).toBeUndefined();
  });

  it('keeps its holders when the backend is away from all', async () => {
    await using world = await createWorld(two);
    const holder = await world.holder();
    await holder.take('db');
    await world.pass(5_000);
    for (const replica of [0, 1]) world.cutBackend(replica, 'refused');
    await world.pass(120_000);
    expect(holder.last('sent_away')).toBeUndefined();
    expect(await refusalOf(world.holder(aVerified(aPod('u2'))))).toBeUndefined();
    for (const replica of [1, 0]) world.cutBackend(replica, undefined);
    await world.pass(1_000_000);
    expect(holder.last('sent_away')).toBeUndefined();
    expect(works(world, holder.login())).toBe(true);
    expect(made(world)).toBe(1);
  });

  it('keeps them when it is the only one', async () => {
    await using world = await createWorld({ bundles: [leased] });
    const holder = await world.holder();
    await holder.take('db');
    world.cutBackend(0, 'silent');
    await world.pass(120_000);
    expect(holder.last('sent_away')).toBeUndefined();
    expect(holder.last('revoked')).toBeUndefined();
  });

  it('keeps them when the other one dies at the same time', async () => {
    await using world = await createWorld(two);
    const holder = await world.holder();
    await holder.take('db');
    await world.pass(5_000);
    world.cutBackend(0, 'refused');
    await world.kill(1);
    await world.pass(120_000);
    expect(holder.last('sent_away')).toBeUndefined();
  });
});

it('a replica that loses its ledger right after its start knows that it is not the only one', async () => {
  await using world = await createWorld(two);
  const holder = await world.holder(undefined, { at: 1 });
  await holder.take('db');
  world.cut(1, true);
  await world.pass(14_000);
  expect(holder.last('sent_away')).toMatchObject({ code: 'ledger_unavailable' });
});

it('a replica whose ledger says nothing any more sends its holders away before the others end what they hold', async () => {
  await using world = await createWorld(two);
  const holder = await world.holder();
  await holder.take('db');
  await world.pass(5_000);
  let isSilent = true;
  // As a connection that swallows everything: the call waits for its own time limit, which is longer than others wait.
  world.setLedger(async () => (isSilent ? world.clock.sleep(60_000, signal) : undefined));
  await world.pass(14_000);
  expect(holder.last('sent_away')).toMatchObject({ code: 'ledger_unavailable' });
  isSilent = false;
  await world.pass(60_000);
  expect(await refusalOf(world.holder(aVerified(aPod('u2'))))).toBeUndefined();
});
