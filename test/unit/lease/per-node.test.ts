import { expect, it } from 'vitest';
import type { RunIdentity, Verified } from '../../../src/identity/identity.ts';
import type { Bundle } from '../../../src/policy/bundle.ts';
import { aRunIdentity } from '../../contract/ledger/runs-contract.ts';
import { createWorld, dbBundle, type Holder, type World } from './world.ts';

const signal = new AbortController().signal;
const own: Bundle = { ...dbBundle, perNode: true };
const identity: RunIdentity = aRunIdentity({ nodes: ['n1', 'n2', 'n3'] });

const node = (holder: string): Verified => ({
  identity,
  holder,
  holders: identity.nodes,
  credentialId: `hpc/${holder}`,
  credentialExpiresAt: Number.MAX_SAFE_INTEGER,
});

async function worldWithRun(bundles: readonly Bundle[]): Promise<World> {
  const world = await createWorld({ bundles });
  const at = world.backend.now();
  await world.ledger.registerRun({
    run: { identity, restarts: 0, sluid: undefined, endsAt: at + 86_400_000, bundles: ['db'] },
    at,
  });
  return world;
}

const resumeOf = (holder: Holder) => ({
  session: holder.last('opened')?.session ?? '',
  generation: holder.last('generation')?.generation.id ?? '',
});
const open = (holder: Holder, before?: Holder) =>
  holder.attachment.open(
    { bundle: 'db', requestKey: 'k'.repeat(16), resume: before && resumeOf(before) },
    { signal },
  );
/** Of each live session: whose alone it is, and its holders. */
const live = async (world: World) => {
  const sessions = await world.ledger.listSessions({ limit: 10, states: ['active'] });
  return sessions.map((session) => session.node).toSorted();
};

it('each node has a session of its own, resumes it, and is refused that of another', async () => {
  await using world = await worldWithRun([own]);
  const [first, second] = [await world.holder(node('n1')), await world.holder(node('n2'))];
  await first.take('db');
  await second.take('db');
  expect(first.login().username).not.toBe(second.login().username);
  expect(await live(world)).toEqual(['n1', 'n2']);

  const again = await world.holder(node('n1'));
  await open(again, first);
  expect(again.last('opened')).toMatchObject({ session: resumeOf(first).session, resumed: true });
  const foreign = await world.holder(node('n2'));
  await open(foreign, first);
  expect(foreign.last('refused')).toMatchObject({ code: 'session_unknown' });
  await expect(
    foreign.attachment.delivered({
      session: resumeOf(first).session,
      generation: resumeOf(first).generation,
    }),
  ).rejects.toMatchObject({ code: 'session_unknown' });
  await expect(foreign.attachment.wiped({ session: resumeOf(first).session })).rejects.toMatchObject({
    code: 'session_unknown',
  });
  await expect(foreign.attachment.release({ session: resumeOf(first).session })).rejects.toMatchObject({
    code: 'session_unknown',
  });
  expect(await live(world)).toEqual(['n1', 'n2']);
});

it('one that lets go takes nothing from another, and a successor stays its own', async () => {
  await using world = await worldWithRun([{ ...own, maxSeconds: 1_200 }]);
  const [first, second] = [await world.holder(node('n1')), await world.holder(node('n2'))];
  await first.take('db');
  await second.take('db');
  await first.attachment.release({ session: resumeOf(first).session });
  await world.pass(1_000);
  expect(await live(world)).toEqual(['n2']);
  const before = resumeOf(second).session;
  await world.pass(1_100_000);
  await second.attachment.refresh(node('n2'));
  expect(resumeOf(second).session).not.toBe(before);
  expect(await world.ledger.findSession(resumeOf(second).session)).toMatchObject({ node: 'n2' });
});

it('a word of one node about its successor ends nothing of another node', async () => {
  await using world = await worldWithRun([{ ...own, maxSeconds: 1_200 }]);
  const [first, second] = [await world.holder(node('n1')), await world.holder(node('n2'))];
  await first.take('db');
  await second.take('db');
  const [old, before] = [resumeOf(second).session, second.login()];
  await world.pass(1_100_000);
  await first.attachment.refresh(node('n1'));
  // n2 has its successor on the way, and has not said that it is in place.
  await second.attachment.refresh(node('n2'));
  await first.attachment.delivered(resumeOf(first));
  await world.pass(1_000);
  expect((await world.ledger.findSession(old))?.state).toBe('superseded');
  expect(world.backend.canLogin(before.username, before.password)).toBe(true);
  await second.attachment.delivered(resumeOf(second));
  await world.pass(1_000);
  expect((await world.ledger.findSession(old))?.state).toBe('ended');
});

it("a revocation that is told one node's session takes the bundle from the whole run", async () => {
  await using world = await worldWithRun([own]);
  const [first, second] = [await world.holder(node('n1')), await world.holder(node('n2'))];
  await first.take('db');
  await second.take('db');
  const { session } = resumeOf(first);
  await world.engine().admin.revoke({ selector: { session }, reason: 'x', by: 'admin:a', dryRun: false });
  await world.pass(1_000);
  for (const holder of [first, second])
    expect(holder.last('revoked')).toMatchObject({ session: resumeOf(holder).session, reason: 'admin' });
  expect(await live(world)).toEqual([]);
  expect(world.backend.aliveCredentials()).toEqual([]);
  for (const name of ['n1', 'n3']) {
    const again = await world.holder(node(name));
    await open(again);
    expect(again.last('refused')).toMatchObject({ code: 'tombstoned' });
  }
});

it('a bundle of static secrets that gets leases of each node begins none for all', async () => {
  const before: Bundle = {
    ...own,
    perNode: false,
    secrets: own.secrets.filter((one) => one.kind === 'static'),
  };
  await using world = await worldWithRun([before]);
  const holder = await world.holder(node('n1'));
  await holder.take('db');
  world.setBundles([own]);
  const again = await world.holder(node('n1'));
  await open(again, holder);
  // What it held has ended, and it asks once more.
  expect(again.last('refused')).toMatchObject({ code: 'ledger_conflict' });
  await open(again);
  expect(await live(world)).toEqual(['n1']);
});

it('a key that nodes share is replaced by one of each once the policy says so, and not before', async () => {
  await using world = await worldWithRun([{ ...dbBundle }]);
  const [first, second] = [await world.holder(node('n1')), await world.holder(node('n2'))];
  await first.take('db');
  await second.take('db');
  world.backend.setDynamic('database/creds/app', { fields: { private_key: 'k' } });
  const rotate = { selector: { all: true }, reason: 'x', by: 'admin:a', dryRun: false } as const;
  await world.engine().admin.rotate(rotate);
  await world.pass(5_000);
  expect(await live(world)).toEqual(['']);
  expect(first.last('revoked')).toBeUndefined();
  world.setBundles([own]);
  await world.pass(120_000);
  for (const [holder, name] of [
    [first, 'n1'],
    [second, 'n2'],
  ] as const) {
    expect(holder.last('revoked')).toMatchObject({ reason: 'lost', mayReopen: true });
    await (await world.holder(node(name))).take('db');
  }
  expect(await live(world)).toEqual(['n1', 'n2']);
});

it.each([
  ['the same for all to own', { ...dbBundle }, own, ['', 'n3']],
  ['own to the same for all', own, { ...dbBundle }, ['', 'n1', 'n2']],
] as const)(
  'a policy that changes from %s takes nothing from who holds it',
  async (_how, before, after, then) => {
    await using world = await worldWithRun([before]);
    const holders = [await world.holder(node('n1')), await world.holder(node('n2'))];
    for (const holder of holders) await holder.take('db');
    world.setBundles([after]);
    for (const [index, name] of ['n1', 'n2'].entries()) {
      const again = await world.holder(node(name));
      const held = holders[index] ?? expect.unreachable();
      await open(again, held);
      expect(again.last('opened')).toMatchObject({ session: resumeOf(held).session, resumed: true });
    }
    await (await world.holder(node('n3'))).take('db');
    expect(await live(world)).toEqual(then);
  },
);
