import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import type { LedgerChange } from '../../../src/ledger/replicas.ts';
import {
  aLeaseSet,
  anActiveSession,
  aStaticSession,
  dueWork,
  holdersOf,
  type LedgerWorld,
  type OpenLedgerWorld,
  refusal,
  rotateTo,
  start,
} from './ledger-world.ts';

const holders = ['n1', 'n2', 'n3'];
const owner = (replica: string, epoch = 1) => ({ replica, address: `${replica}:8443`, epoch });

/** What a store does for several brokers on it. */
export function replicasContract(open: OpenLedgerWorld): void {
  let world: LedgerWorld;
  let ledger: Ledger;
  beforeEach(async () => {
    world = await open();
    ({ ledger } = world);
  });
  afterEach(() => world.close());

  /** One after another, so that their epochs have the order of the ids. */
  const join = async (...ids: readonly string[]) => {
    for (const id of ids) await ledger.joinReplica({ id, address: `${id}:8443` });
  };
  const beat = (id: string, answers: Readonly<Record<string, number>> = {}) =>
    ledger.beatReplica({ id, answers });
  const attach = (session: string, holder: string, replica: string) =>
    ledger.attachHolder({ session, holder, replica, at: start });
  const detach = (session: string, holder: string, replica: string) =>
    ledger.detachHolder({ session, holder, replica, dueAt: start + 20_000, at: start });
  const deliver = (session: string, holder: string, generation: string) =>
    ledger.recordDelivered({ session, holder, generation, at: start });
  const detachGone = () => ledger.detachGone({ dueAt: start + 30_000, marginMs: 0, at: start });
  const attached = async (session: string) =>
    (await holdersOf(ledger, session))
      .filter((holder) => holder.attached)
      .map(({ name, replica }) => `${name}@${replica}`);
  const ownerOf = async (session: string) => (await ledger.findSession(session))?.owner;

  describe('replicas', () => {
    it('are removed only at the count that was seen, and know that they were', async () => {
      await join('rep_a', 'rep_b');
      await beat('rep_b');
      const [a, b] = await beat('rep_a');
      expect(a).toMatchObject({ id: 'rep_a', address: 'rep_a:8443', beats: 1 });
      expect(b).toMatchObject({ id: 'rep_b', beats: 1 });
      await beat('rep_b');
      expect(await ledger.removeReplica({ id: 'rep_b', beats: 1 })).toBe(false);
      expect(await ledger.removeReplica({ id: 'rep_b', beats: 2 })).toBe(true);
      expect(await ledger.removeReplica({ id: 'rep_b', beats: 2 })).toBe(false);
      expect((await beat('rep_b')).map(({ id }) => id)).toEqual(['rep_a']);
    });

    it('never have the epoch of another one, or of themselves before', async () => {
      const epochs: number[] = [];
      for (const id of ['rep_a', 'rep_b', 'rep_a', 'rep_b']) {
        epochs.push((await ledger.joinReplica({ id, address: '' })).epoch);
        if (epochs.length === 2) await ledger.removeReplica({ id });
      }
      expect(epochs).toEqual([...new Set(epochs)].toSorted((one, other) => one - other));
      expect(await beat('rep_a')).toHaveLength(2);
    });

    it('show the others what answers them, also those of an earlier life', async () => {
      await join('rep_a', 'rep_b');
      await beat('rep_a', { backend: 7, 'cluster/one': 3 });
      expect(await beat('rep_b', { backend: 1 })).toMatchObject([
        { answers: { backend: 7, 'cluster/one': 3 } },
        { answers: { backend: 1 } },
      ]);
      await join('rep_a');
      expect(await beat('rep_b')).toMatchObject([
        { id: 'rep_b', answers: {} },
        { id: 'rep_a', answers: {} },
      ]);
    });

    it.each([
      ['are removed', (id: string) => ledger.removeReplica({ id })],
      ['release them', (id: string) => ledger.releaseClaims(id)],
    ])('leave their claims to others when they %s, and cannot finish them', async (_how, letGo) => {
      await join('rep_a', 'rep_b');
      await ledger.putWork([{ kind: 'revoke', subject: 'set_x', dueAt: start }]);
      const claim = (replica: string) =>
        ledger.claimWork({ owner: replica, now: start + 10, claimUntil: start + 60_000, limit: 10 });
      const [work] = await claim('rep_a');
      expect(await claim('rep_b')).toEqual([]);
      await letGo('rep_a');
      // As it does not know yet.
      if (work !== undefined) await ledger.finishWork({ work, dueAt: start + 90_000 });
      const [again] = await claim('rep_b');
      expect(again).toMatchObject({ kind: 'revoke', subject: 'set_x', dueAt: start });
      if (work !== undefined) await ledger.finishWork({ work });
      expect(await ledger.nextWorkAt()).toBe(start + 60_000);
    });
  });

  describe('holders of several replicas', () => {
    it('stay attached when another replica goes, and are detached with their own', async () => {
      await join('rep_a', 'rep_b');
      const both = await anActiveSession(ledger, { holders, attach: 'n1', replica: 'rep_a' });
      await attach(both.session, 'n2', 'rep_b');
      const one = await anActiveSession(ledger, { bundle: 'one', replica: 'rep_a' });
      const other = await anActiveSession(ledger, { bundle: 'other', replica: 'rep_b' });
      await ledger.removeReplica({ id: 'rep_a' });
      await detachGone();
      expect(await attached(both.session)).toEqual(['n2@rep_b']);
      expect(await attached(one.session)).toEqual([]);
      expect(await attached(other.session)).toEqual(['pod@rep_b']);
      expect(await dueWork(ledger, start + 100_000)).toEqual([`detached ${one.session} 30000`]);
    });

    it('are not detached by the late word of the replica that they have left', async () => {
      await join('rep_a', 'rep_b');
      const { session } = await anActiveSession(ledger, { replica: 'rep_a' });
      await attach(session, 'pod', 'rep_b');
      await detach(session, 'pod', 'rep_a');
      expect(await attached(session)).toEqual(['pod@rep_b']);
      expect(await dueWork(ledger, start + 100_000)).toEqual([]);
      await detach(session, 'pod', 'rep_b');
      expect(await dueWork(ledger, start + 100_000)).toEqual([`detached ${session} 20000`]);
    });

    it('are listed with the generation that they should have', async () => {
      const first = await anActiveSession(ledger, { holders, attach: 'n1', replica: 'rep_a' });
      await attach(first.session, 'n2', 'rep_a');
      const second = await anActiveSession(ledger, { bundle: 'second', replica: 'rep_a' });
      await detach(second.session, 'pod', 'rep_a');
      expect(await ledger.listHeldBy('rep_a')).toEqual([
        { session: first.session, generation: first.generation },
      ]);
      expect(await ledger.listHeldBy('rep_b')).toEqual([]);
    });

    it.each(['renew', 'rotate', 'deadline'] as const)('%s is done where one of them is', async (kind) => {
      await join('rep_a', 'rep_b');
      const { session, leaseSet } = await anActiveSession(ledger, {
        holders,
        attach: 'n1',
        replica: 'rep_a',
      });
      const subject = kind === 'renew' ? leaseSet : session;
      await ledger.putWork([{ kind, subject, dueAt: start }]);
      const claim = async (replica: string) =>
        (
          await ledger.claimWork({
            owner: replica,
            now: start + 1,
            claimUntil: start + 1,
            limit: 9,
            heldHere: true,
          })
        ).length;
      expect(await claim('rep_b')).toBe(0);
      expect(await claim('rep_a')).toBe(1);
      await attach(session, 'n2', 'rep_b');
      expect(await claim('rep_b')).toBe(1);
      await detach(session, 'n1', 'rep_a');
      await detach(session, 'n2', 'rep_b');
      expect(await claim('rep_c')).toBeGreaterThan(0);
    });

    it.each(['renew', 'rotate', 'deadline'] as const)(
      '%s is done by anybody when their replica is gone, before they are detached',
      async (kind) => {
        await join('rep_a', 'rep_b', 'rep_c');
        const { session, leaseSet } = await anActiveSession(ledger, {
          holders,
          attach: 'n1',
          replica: 'rep_a',
        });
        await ledger.putWork([{ kind, subject: kind === 'renew' ? leaseSet : session, dueAt: start }]);
        const due = { now: start + 1, claimUntil: start + 1, limit: 9, heldHere: true };
        const claim = async (owner: string) => (await ledger.claimWork({ owner, ...due })).length;
        await attach(session, 'n2', 'rep_b');
        await ledger.removeReplica({ id: 'rep_a' });
        expect([await claim('rep_c'), await claim('rep_b')]).toEqual([0, 1]);
        await ledger.removeReplica({ id: 'rep_b' });
        expect(await attached(session)).toHaveLength(2);
        expect(await claim('rep_c')).toBe(1);
      },
    );

    it('are detached once however often it is asked for', async () => {
      await join('rep_a', 'rep_b');
      const gone = await anActiveSession(ledger, { replica: 'rep_a' });
      const held = await anActiveSession(ledger, { bundle: 'held', replica: 'rep_b' });
      await ledger.removeReplica({ id: 'rep_a' });
      await detachGone();
      await ledger.detachGone({ dueAt: start + 40_000, marginMs: 0, at: start + 10_000 });
      expect(await attached(held.session)).toEqual(['pod@rep_b']);
      expect(await dueWork(ledger, start + 100_000)).toEqual([`detached ${gone.session} 30000`]);
    });
  });

  it('tells who is attached to another replica than a given one', async () => {
    await join('rep_a', 'rep_b');
    const { session } = await anActiveSession(ledger, { holders, attach: 'n1', replica: 'rep_a' });
    const isElsewhere = (than: string) => ledger.isAttachedElsewhere({ session, replica: than });
    expect([await isElsewhere('rep_a'), await isElsewhere('rep_b')]).toEqual([false, true]);
    await attach(session, 'n2', 'rep_b');
    expect([await isElsewhere('rep_a'), await isElsewhere('rep_b')]).toEqual([true, true]);
    await detach(session, 'n1', 'rep_a');
    expect([await isElsewhere('rep_a'), await isElsewhere('rep_b')]).toEqual([true, false]);
  });

  describe('the owner of a session', () => {
    it('has it until the last holder has the generation', async () => {
      const { session, generation } = await anActiveSession(ledger, {
        holders,
        attach: 'n1',
        replica: 'rep_a',
        owner: owner('rep_a', 7),
      });
      expect(await ownerOf(session)).toEqual({ replica: 'rep_a', address: 'rep_a:8443', epoch: 7 });
      await deliver(session, 'n1', generation);
      await deliver(session, 'n2', generation);
      expect(await ownerOf(session)).toMatchObject({ replica: 'rep_a' });
      expect((await deliver(session, 'n3', generation)).session.owner).toBeUndefined();
      expect(await ownerOf(session)).toBeUndefined();
    });

    it('is one: of several that make new values only the first may', async () => {
      await join('rep_a', 'rep_b', 'rep_c');
      const { session } = await anActiveSession(ledger, { holders, attach: 'n1', owner: owner('rep_a') });
      const take = (replica: string, insteadOf?: string) =>
        ledger.beginLeaseSet({
          session,
          leaseSet: aLeaseSet(),
          owner: owner(replica),
          ...(insteadOf === undefined ? {} : { insteadOf }),
          at: start,
        });
      expect(await refusal(take('rep_b'))).toBe('ledger_conflict');
      const outcomes = await Promise.allSettled([take('rep_b', 'rep_a'), take('rep_c', 'rep_a')]);
      expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    });

    it('may make further ones, and nobody else while it is there', async () => {
      const { session } = await anActiveSession(ledger, { owner: owner('rep_a') });
      const leaseSet = aLeaseSet();
      await ledger.beginLeaseSet({ session, leaseSet, owner: owner('rep_a'), at: start });
      await rotateTo(ledger, session, leaseSet.id);
      const other = ledger.beginLeaseSet({
        session,
        leaseSet: aLeaseSet(),
        owner: owner('rep_b'),
        at: start,
      });
      expect(await refusal(other)).toBe('ledger_conflict');
    });

    it('ends when its replica releases it, which stays', async () => {
      await join('rep_a', 'rep_b');
      const { session } = await anActiveSession(ledger, { owner: owner('rep_a') });
      const other = await anActiveSession(ledger, { bundle: 'other', owner: owner('rep_b') });
      await ledger.releaseClaims('rep_a');
      expect(await ownerOf(session)).toBeUndefined();
      expect(await ownerOf(other.session)).toMatchObject({ replica: 'rep_b' });
      expect(await beat('rep_a')).toHaveLength(2);
    });

    it.each([
      ['is released', () => ledger.releaseClaims('rep_a')],
      ['is removed', () => ledger.removeReplica({ id: 'rep_a' })],
    ] as const)('leaves what it may have revoked in doubt when it %s', async (_name, go) => {
      await join('rep_a', 'rep_b');
      const [mine, others] = [
        await anActiveSession(ledger),
        await anActiveSession(ledger, { bundle: 'other' }),
      ];
      for (const [{ leaseSet }, claimer] of [
        [mine, 'rep_a'],
        [others, 'rep_b'],
      ] as const) {
        await ledger.beginRevokeLeaseSet({ leaseSet, at: start });
        const due = { now: start, claimUntil: start + 60_000, limit: 1 };
        await ledger.claimWork({ owner: claimer, kinds: ['revoke'], ...due });
      }
      const doubts = async (leaseSet: string) =>
        (await ledger.findLeaseSet(leaseSet))?.credentials.map(({ maybeRevoked }) => maybeRevoked);
      const [first] = (await ledger.findLeaseSet(mine.leaseSet))?.credentials ?? [];
      await ledger.settleCredential({
        credential: first?.id ?? '',
        settlement: 'confirmed',
        why: undefined,
        nextTryAt: undefined,
        at: start,
      });
      await go();
      expect(await doubts(mine.leaseSet)).toEqual([false, true]);
      expect(await doubts(others.leaseSet)).toEqual([false, false]);
    });

    it('ends with its replica, and with the session', async () => {
      await join('rep_a');
      const first = await anActiveSession(ledger, { owner: owner('rep_a') });
      await ledger.removeReplica({ id: 'rep_a' });
      expect(await ownerOf(first.session)).toBeUndefined();
      const second = await anActiveSession(ledger, { bundle: 'second', owner: owner('rep_b') });
      await ledger.beginRevoke({
        session: second.session,
        end: { reason: 'admin', note: '', by: 'x' },
        tombstone: false,
        at: start,
      });
      expect(await ownerOf(second.session)).toBeUndefined();
    });
  });

  describe('the feed', () => {
    /** What is told until the marker, which is told last. */
    const told = async (act: () => Promise<void>): Promise<readonly string[]> => {
      const changes: LedgerChange[] = [];
      const listening = Promise.withResolvers<undefined>();
      const done = Promise.withResolvers<undefined>();
      await using feed = new AsyncDisposableStack();
      const listener = (change: LedgerChange) => {
        changes.push(change);
        if (change.kind === 'lock' && change.id === 'loc_begin') listening.resolve(undefined);
        if (change.kind === 'lock' && change.id === 'loc_end') done.resolve(undefined);
      };
      feed.use(await ledger.subscribe(listener));
      const mark = (id: string) =>
        ledger.addLock({ id, selector: { all: true }, reason: 'x', by: 'x', createdAt: start });
      const begin = async () => {
        await ledger.removeLock('loc_begin');
        // On a slow store the one before may be under way still, and is as good.
        await mark('loc_begin').catch(() => undefined);
      };
      const again = setInterval(() => void begin(), 50);
      await listening.promise;
      clearInterval(again);
      await act();
      await mark('loc_end');
      await done.promise;
      return changes
        .map((change) => (change.kind === 'missed' ? 'missed' : `${change.kind} ${change.id}`))
        .filter((change) => !change.includes('loc_begin'));
    };

    it('tells of ends, moved holders and locks', async () => {
      const { session, generation } = await anActiveSession(ledger, { replica: 'rep_a' });
      const plain = await ledger.beginSession(aStaticSession({ bundle: 'static' }));
      expect(
        await told(async () => {
          await attach(session, 'pod', 'rep_b');
          await ledger.reattachHolder({ session, holder: 'pod', replica: 'rep_a', generation, at: start });
          await ledger.beginRevoke({
            session: plain.session.id,
            end: { reason: 'admin', note: '', by: 'x' },
            tombstone: false,
            at: start,
          });
        }),
      ).toEqual([
        ...[`session ${session}`, `session ${session}`, `session ${plain.session.id}`],
        'lock loc_end',
      ]);
    });

    it('tells of a new generation where holders are at several replicas, and of an owner that is freed elsewhere', async () => {
      const { session } = await anActiveSession(ledger, {
        holders: ['n1', 'n2'],
        attach: 'n1',
        replica: 'rep_a',
        owner: owner('rep_a'),
      });
      await attach(session, 'n2', 'rep_b');
      const leaseSet = aLeaseSet();
      expect(
        await told(async () => {
          await ledger.beginLeaseSet({ session, leaseSet, owner: owner('rep_a'), at: start });
          const generation = await rotateTo(ledger, session, leaseSet.id);
          await deliver(session, 'n1', generation);
          await deliver(session, 'n2', generation);
        }),
      ).toEqual([`session ${session}`, `session ${session}`, 'lock loc_end']);
    });

    it('does not tell of what concerns one replica alone', async () => {
      expect(
        await told(async () => {
          const { session, leaseSet, generation } = await anActiveSession(ledger, {
            replica: 'rep_a',
            owner: owner('rep_a'),
          });
          await deliver(session, 'pod', generation);
          await ledger.recordRenewal({ leaseSet, expiresAt: start + 90_000, work: [], at: start });
          await detach(session, 'pod', 'rep_a');
          await attach(session, 'pod', 'rep_b');
        }),
      ).toEqual(['lock loc_end']);
    });
  });
}
