import { describe, expect, it } from 'vitest';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { aPod, aVerified, createWorld, dbBundle, type Holder, kvBundle, type World } from './world.ts';

const signal = new AbortController().signal;
const nodes = ['n1', 'n2', 'n3'];
const node = (name: string) => aVerified(aPod(), name, nodes);
/** Leases alone. */
const leased = { ...dbBundle, secrets: dbBundle.secrets.filter(({ kind }) => kind === 'leased') };
const three = { replicas: 3, bundles: [leased, kvBundle] };

const sessionOf = (holder: Holder) => holder.last('opened')?.session ?? '';
const generationOf = (holder: Holder) => holder.last('generation')?.generation.id ?? '';
const resumeOf = (holder: Holder) => ({ session: sessionOf(holder), generation: generationOf(holder) });

const acknowledge = (holder: Holder) =>
  holder.attachment.delivered({ session: sessionOf(holder), generation: generationOf(holder) });

function open(holder: Holder, bundle: string, before?: Holder): Promise<void> {
  const resume = before === undefined ? undefined : resumeOf(before);
  return holder.attachment.open({ bundle, requestKey: 'k'.repeat(16), resume }, { signal });
}

function works(world: World, login: { readonly username: string }): boolean {
  return world.backend
    .aliveCredentials()
    .some((one) => JSON.stringify(one).includes(login.username) && login.username !== '');
}

/** Lease sets that became current. */
const made = (world: World) =>
  world.records.filter(
    ({ action, generation }) => (action === 'issue' || action === 'rotate') && generation !== undefined,
  ).length;
const refusalOf = async (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a holder that comes to another replica', () => {
  it('is refused what is not its own there either', async () => {
    await using world = await createWorld(three);
    const holder = await world.holder();
    await holder.take('db');
    const stranger = await world.holder(aVerified(aPod('u9')), { at: 1 });
    await open(stranger, 'db', holder);
    expect(stranger.last('refused')).toMatchObject({ code: 'session_unknown' });
    expect(stranger.last('generation')).toBeUndefined();
  });

  it.each(['killed', 'drained'])('is held again with nothing issued when its own was %s', async (how) => {
    await using world = await createWorld(three);
    const holder = await world.holder();
    await holder.take('db');
    const login = holder.login();
    if (how === 'drained') await holder.attachment.detach();
    await (how === 'killed' ? world.kill(0) : world.leave(0));
    const again = await world.holder(undefined, { at: 1 });
    await open(again, 'db', holder);
    expect(again.last('opened')).toMatchObject({ resumed: true, session: sessionOf(holder) });
    await world.pass(900_000);
    expect(works(world, login)).toBe(true);
    expect(again.last('revoked')).toBeUndefined();
    expect(made(world)).toBe(1);
  });

  it('is not detached by the late word of the replica that it has left', async () => {
    await using world = await createWorld(three);
    const holder = await world.holder();
    await holder.take('db');
    const again = await world.holder(undefined, { at: 2 });
    await open(again, 'db', holder);
    await holder.attachment.detach();
    await world.pass(900_000);
    expect(works(world, holder.login())).toBe(true);
    expect(made(world)).toBe(1);
  });

  it('is sent to the replica that has its values, and gets them there', async () => {
    await using world = await createWorld(three);
    const holder = await world.holder();
    await open(holder, 'db');
    await holder.attachment.detach();
    const again = await world.holder(undefined, { at: 1 });
    await open(again, 'db');
    expect(again.last('redirect')).toMatchObject({
      bundle: 'db',
      session: sessionOf(holder),
      address: 'b0:1',
    });
    expect(again.last('generation')).toBeUndefined();
    const there = await world.holder(undefined, { at: 0 });
    await open(there, 'db');
    expect(there.login()).toEqual(holder.login());
    expect(made(world)).toBe(1);
  });

  it('gets new ones where it is when it cannot get there', async () => {
    await using world = await createWorld(three);
    const holder = await world.holder();
    await open(holder, 'db');
    await holder.attachment.detach();
    const again = await world.holder(undefined, { at: 1 });
    for (let times = 0; times < 3; times += 1) await open(again, 'db');
    expect(again.messages.filter(({ kind }) => kind === 'redirect')).toHaveLength(2);
    expect(again.login().username).not.toBe('');
    expect(again.login()).not.toEqual(holder.login());
    await world.pass(5_000);
    expect(world.backend.aliveCredentials()).toHaveLength(1);
  });

  it('gets new ones when their owner is gone, and the old ones are revoked', async () => {
    await using world = await createWorld(three);
    const holder = await world.holder();
    await open(holder, 'db');
    await world.kill(0);
    await world.pass(15_000);
    const again = await world.holder(undefined, { at: 1 });
    await open(again, 'db');
    expect(again.last('redirect')).toBeUndefined();
    expect(again.login()).not.toEqual(holder.login());
    await world.pass(5_000);
    expect(world.backend.aliveCredentials()).toHaveLength(1);
  });

  it('gets new ones at once where replicas are not reached at addresses of their own', async () => {
    await using world = await createWorld({ ...three, advertised: false });
    const holder = await world.holder();
    await open(holder, 'db');
    const again = await world.holder(undefined, { at: 1 });
    await open(again, 'db');
    expect(again.login().username).not.toBe('');
  });
});

describe('what one replica decides', () => {
  it.each([
    ['revoke', 'admin'],
    ['lock', 'locked'],
    ['end of the workload', 'workload_ended'],
  ] as const)('reaches a holder at another: %s', async (what, reason) => {
    await using world = await createWorld(three);
    const holder = await world.holder(undefined, { at: 2 });
    await holder.take('db');
    const { admin } = world.engine(0);
    const request = { selector: { all: true }, reason: 'x', by: 'admin:a', dryRun: false } as const;
    if (what === 'revoke') await admin.revoke(request);
    else if (what === 'lock') await admin.addLock(request);
    else world.setState('pod/a/uid-1', { phase: 'ended', freshness: 'fresh' });
    // No time passes: the feed brings it.
    await world.settle();
    expect(holder.last('revoked')).toMatchObject({ session: sessionOf(holder), reason });
  });

  it('reaches it by the sweep when the feed has lost it', async () => {
    await using world = await createWorld(three);
    const holder = await world.holder(undefined, { at: 2 });
    await holder.take('db');
    // The replica reads the ledger in vain just when it is told.
    world.cut(2, true);
    await world
      .engine(0)
      .admin.revoke({ selector: { all: true }, reason: 'x', by: 'admin:a', dryRun: false });
    await world.settle();
    expect(holder.last('revoked')).toBeUndefined();
    world.cut(2, false);
    await world.pass(10_000);
    expect(holder.last('revoked')).toMatchObject({ reason: 'admin' });
  });

  it('rotates where the holder is', async () => {
    await using world = await createWorld(three);
    const holder = await world.holder(undefined, { at: 2 });
    await holder.take('db');
    const old = holder.login();
    await world
      .engine(0)
      .admin.rotate({ selector: { all: true }, reason: 'x', by: 'admin:a', dryRun: false });
    await world.pass(5_000);
    expect(holder.last('generation')?.generation.number).toBe(2);
    await acknowledge(holder);
    await world.pass(5_000);
    expect(works(world, old)).toBe(false);
    expect(works(world, holder.login())).toBe(true);
  });
});

describe('several holders at several replicas', () => {
  const takeAll = async (world: World): Promise<readonly Holder[]> => {
    const holders: Holder[] = [];
    for (const [index, name] of nodes.entries()) {
      let holder = await world.holder(node(name), { at: index });
      await open(holder, 'db');
      // Sent to the owner, it goes there.
      if (holder.last('redirect') !== undefined) {
        await holder.attachment.detach();
        holder = await world.holder(node(name), { at: 0 });
        await open(holder, 'db');
      }
      await acknowledge(holder);
      holders.push(holder);
    }
    return holders;
  };

  it('get one lease set from the one that owns it, and are re-adopted anywhere', async () => {
    await using world = await createWorld(three);
    const holders = await takeAll(world);
    expect(new Set(holders.map((holder) => holder.login().username)).size).toBe(1);
    expect(made(world)).toBe(1);
    const session = sessionOf(holders[0] ?? expect.fail());
    expect((await world.ledger.findSession(session))?.owner).toBeUndefined();
    await world.kill(0);
    for (const [index, name] of nodes.entries()) {
      const again = await world.holder(node(name), { at: 1 + (index % 2) });
      await open(again, 'db', holders[index]);
      expect(again.last('opened')).toMatchObject({ resumed: true });
    }
    await world.pass(900_000);
    expect(made(world)).toBe(1);
    expect((await world.ledger.findSession(session))?.state).toBe('active');
  });

  it('are redirected when one replica makes new ones, and all end with the same', async () => {
    await using world = await createWorld(three);
    const before = await takeAll(world);
    const session = sessionOf(before[0] ?? expect.fail());
    // Two move to other replicas, with what they have.
    const holders: Holder[] = [];
    for (const [index, name] of nodes.entries()) {
      const moved = await world.holder(node(name), { at: index });
      await open(moved, 'db', before[index]);
      holders.push(moved);
    }
    await world.engine(0).admin.rotate({ selector: { session }, reason: 'x', by: 'admin:a', dryRun: false });
    await world.pass(3_000);
    const at = holders.findIndex((holder) => holder.last('generation') !== undefined);
    expect(at).toBeGreaterThanOrEqual(0);
    const logins = new Set<string>();
    for (const [index, holder] of holders.entries()) {
      let last = holder;
      if (index !== at) {
        expect(holder.last('redirect')).toMatchObject({ session, address: `b${at}:1` });
        last = await world.holder(node(nodes[index] ?? ''), { at });
        await open(last, 'db', before[index]);
      }
      await last.attachment.delivered({ session, generation: generationOf(last) });
      logins.add(last.login().username);
    }
    expect(logins.size).toBe(1);
    await world.pass(5_000);
    expect(made(world)).toBe(2);
    expect(world.backend.aliveCredentials()).toHaveLength(1);
    expect((await world.ledger.findSession(session))?.owner).toBeUndefined();
  });

  it('all get a new generation when the owner is lost before all have it', async () => {
    await using world = await createWorld(three);
    const first = await world.holder(node('n1'), { at: 0 });
    await first.take('db');
    await world.kill(0);
    await world.pass(15_000);
    const again = await world.holder(node('n1'), { at: 1 });
    await open(again, 'db', first);
    expect(again.last('opened')).toMatchObject({ resumed: true });
    const second = await world.holder(node('n2'), { at: 1 });
    await open(second, 'db');
    expect(second.login().username).not.toBe('');
    expect(again.login()).toEqual(second.login());
    expect(made(world)).toBe(2);
  });
});

describe('replicas that race', () => {
  it('make one lease set for one workload', async () => {
    await using world = await createWorld(three);
    const holders = await Promise.all([0, 1, 2].map((at) => world.holder(undefined, { at })));
    await Promise.all(holders.map((holder) => open(holder, 'db')));
    await world.pass(5_000);
    expect(world.backend.aliveCredentials()).toHaveLength(1);
    expect(made(world)).toBe(1);
    expect(holders.filter((holder) => holder.last('generation') !== undefined)).toHaveLength(1);
    for (const holder of holders)
      expect(['redirect', 'refused', 'generation']).toContain(holder.messages.at(-1)?.kind);
  });

  it('make one lease set for a request that is sent again after its reply was lost', async () => {
    await using world = await createWorld(three);
    const holder = await world.holder();
    await open(holder, 'db');
    await holder.attachment.detach();
    const again = await world.holder(undefined, { at: 0 });
    await open(again, 'db');
    await open(again, 'db');
    expect(again.login()).toEqual(holder.login());
    expect(made(world)).toBe(1);
  });
});

describe('a replica that the ledger is cut from', () => {
  it('sends its holders away, and they are held by others with nothing issued', async () => {
    await using world = await createWorld(three);
    const holder = await world.holder();
    await holder.take('db');
    // Long enough to have seen the others.
    await world.pass(5_000);
    world.cut(0, true);
    await world.pass(15_000);
    expect(holder.last('sent_away')).toMatchObject({ code: 'ledger_unavailable' });
    await holder.attachment.detach();
    expect(await refusalOf(world.holder())).toMatchObject({ code: 'ledger_unavailable' });
    const again = await world.holder(undefined, { at: 1 });
    await open(again, 'db', holder);
    expect(again.last('opened')).toMatchObject({ resumed: true });
    world.cut(0, false);
    await world.pass(900_000);
    expect(works(world, holder.login())).toBe(true);
    expect(made(world)).toBe(1);
  });

  it('keeps them when it is the only one', async () => {
    await using world = await createWorld({ bundles: [leased] });
    const holder = await world.holder();
    await holder.take('db');
    world.cut(0, true);
    await world.pass(60_000);
    expect(holder.last('sent_away')).toBeUndefined();
    world.cut(0, false);
    await world.pass(600_000);
    expect(works(world, holder.login())).toBe(true);
  });

  it('takes up its holders again when it was taken for dead for a moment', async () => {
    await using world = await createWorld(three);
    const holder = await world.holder();
    await holder.take('db');
    const [first] = await world.ledger.beatReplica({ id: 'nobody', answers: {} });
    await world.ledger.removeReplica({ id: first?.id ?? '' });
    await world.ledger.detachGone({ dueAt: world.clock.now() + 60_000, marginMs: 0, at: world.clock.now() });
    await world.pass(900_000);
    expect(works(world, holder.login())).toBe(true);
    expect(holder.last('revoked')).toBeUndefined();
  });
});

describe('a session whose replica died', () => {
  it('is revoked in time when its holder does not come back', async () => {
    await using world = await createWorld(three);
    const holder = await world.holder();
    await holder.take('db');
    await world.kill(0);
    await world.pass(640_000);
    expect(await world.ledger.findSession(sessionOf(holder))).toMatchObject({
      state: 'ended',
      end: { reason: 'detached' },
    });
    expect(world.backend.aliveCredentials()).toHaveLength(0);
  });

  it.each([
    ['once', 1, 640_000, 'detached'],
    ['always', Number.MAX_SAFE_INTEGER, 3_660_000, 'deadline'],
  ] as const)(
    'is revoked also when the ledger was away just as its holders were to be detached: %s',
    async (_how, times, within, reason) => {
      await using world = await createWorld(three);
      const holder = await world.holder();
      await holder.take('db');
      let left: number = times;
      world.setLedger((method) => {
        if (method !== 'detachGone' || left <= 0) return;
        left -= 1;
        throw new LeaseholdError('ledger_unavailable');
      });
      await world.kill(0);
      await world.pass(within);
      expect(await world.ledger.findSession(sessionOf(holder))).toMatchObject({
        state: 'ended',
        end: { reason },
      });
      expect(world.backend.aliveCredentials()).toHaveLength(0);
    },
  );
});
