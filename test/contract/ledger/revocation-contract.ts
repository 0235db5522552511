import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Ledger, Settlement } from '../../../src/ledger/ledger.ts';
import {
  aLeaseSet,
  anActiveSession,
  aSession,
  aStaticSession,
  dueWork,
  holdersOf,
  type LedgerWorld,
  type OpenLedgerWorld,
  recordIssue,
  refusal,
  replica,
  rotateTo,
  settleAll,
  start,
} from './ledger-world.ts';

/** Holders, and the way from revoking to ended. */
export function revocationContract(open: OpenLedgerWorld): void {
  let world: LedgerWorld;
  let ledger: Ledger;
  beforeEach(async () => {
    world = await open();
    ledger = world.ledger;
  });
  afterEach(() => world.close());

  const revoke = (session: string, tombstone = false, note = 'leaked') =>
    ledger.beginRevoke({
      session,
      end: { reason: 'admin', note, by: 'admin:ann' },
      tombstone,
      at: start + 1_000,
    });
  const settle = (credential: string, settlement: Settlement) =>
    ledger.settleCredential({
      credential,
      settlement,
      why: settlement === 'outstanding' ? 'backend_sealed' : undefined,
      nextTryAt: settlement === 'outstanding' ? start + 9_000 : undefined,
      at: start + 5_000,
    });
  const tokenOf = async (leaseSet: string) =>
    (await ledger.findLeaseSet(leaseSet))?.credentials.find(({ kind }) => kind === 'token')?.id ?? '';

  describe('holders', () => {
    const holders = ['n1', 'n2', 'n3'];
    const begin = () => anActiveSession(ledger, { holders, attach: 'n1' });
    const detach = (session: string, holder: string, dueAt = start + 20_000) =>
      ledger.detachHolder({ session, holder, replica, dueAt, at: start });
    const attach = (session: string, holder: string) =>
      ledger.attachHolder({ session, holder, replica, at: start });
    const deliver = (session: string, holder: string, generation: string, at = start) =>
      ledger.recordDelivered({ session, holder, generation, at });

    it('refuses unknown sessions and holders, and a session that has ended', async () => {
      const { session, generation } = await begin();
      for (const call of [
        () => attach('ses_none', 'n1'),
        () => attach(session, 'n4'),
        () => detach(session, 'n4'),
        () => deliver(session, 'n4', generation),
        () => ledger.recordWiped({ session, holder: 'n4', at: start }),
      ])
        expect(await refusal(call())).toBe('ledger_conflict');
      const plain = await ledger.beginSession(aStaticSession({ bundle: 'static' }));
      await revoke(plain.session.id);
      expect(await refusal(attach(plain.session.id, 'pod'))).toBe('ledger_conflict');
    });

    it('refuses an acknowledgement of any generation but the current one', async () => {
      const { session } = await begin();
      expect(await refusal(deliver(session, 'n1', 'gen_old'))).toBe('ledger_conflict');
      const opening = aSession({ bundle: 'opening' });
      await ledger.beginSession(opening);
      expect(await refusal(deliver(opening.id, 'pod', ''))).toBe('ledger_conflict');
    });

    it('counts as detached when the last one has left, from the first word of it', async () => {
      const { session } = await begin();
      await attach(session, 'n2');
      await detach(session, 'n1');
      expect(await dueWork(ledger, start + 100_000)).toEqual([]);
      await detach(session, 'n2');
      await detach(session, 'n2', start + 99_000);
      expect(await dueWork(ledger, start + 100_000)).toEqual([`detached ${session} 20000`]);
      await attach(session, 'n3');
      expect(await dueWork(ledger, start + 100_000)).toEqual([]);
    });

    it('come back with the current generation in one step, or not at all', async () => {
      const { session, generation } = await begin();
      await detach(session, 'n1');
      const comeBack = (holder: string, current: string) =>
        ledger.reattachHolder({ session, holder, replica, generation: current, at: start + 10 });
      for (const call of [
        () => comeBack('n2', 'gen_old'),
        () => comeBack('n4', generation),
        () => ledger.reattachHolder({ session: 'ses_none', holder: 'n2', replica, generation, at: start }),
      ])
        expect(await refusal(call())).toBe('ledger_conflict');
      expect(await ledger.findHolder({ session, holder: 'n2' })).toMatchObject({ attached: false });
      expect(await dueWork(ledger, start + 100_000)).toEqual([`detached ${session} 20000`]);
      const { lacking, supersedes } = await comeBack('n2', generation);
      expect({ lacking, supersedes }).toEqual({
        lacking: { any: true, attached: false, older: false },
        supersedes: false,
      });
      expect(await ledger.findHolder({ session, holder: 'n2' })).toMatchObject({
        attached: true,
        generation: { id: generation, number: 1 },
        deliveredAt: start + 10,
      });
      expect(await dueWork(ledger, start + 100_000)).toEqual([]);
    });

    it('learns with each word whether another session is superseded by theirs', async () => {
      const old = await anActiveSession(ledger);
      const next = await anActiveSession(ledger, { supersedes: old.session });
      const { session, generation } = next;
      expect(await deliver(session, 'pod', generation)).toMatchObject({ supersedes: true });
      await revoke(old.session);
      expect(await deliver(session, 'pod', generation)).toMatchObject({ supersedes: false });
    });

    it('keeps generation, acknowledgement and wiping of each holder apart', async () => {
      const { session, generation } = await begin();
      await deliver(session, 'n2', generation, start + 10);
      await deliver(session, 'n2', generation, start + 99);
      expect(await ledger.findHolder({ session, holder: 'n2' })).toMatchObject({
        generation: { id: generation, number: 1 },
        deliveredAt: start + 10,
      });
      await ledger.recordWiped({ session, holder: 'n3', at: start + 20 });
      await ledger.recordWiped({ session, holder: 'n3', at: start + 99 });
      expect(await holdersOf(ledger, session)).toEqual([
        expect.objectContaining({ name: 'n1', deliveredAt: undefined, wipedAt: undefined }),
        expect.objectContaining({ name: 'n2', deliveredAt: start + 10, wipedAt: undefined }),
        expect.objectContaining({ name: 'n3', deliveredAt: undefined, wipedAt: start + 20 }),
      ]);
    });

    it('tells with each word which holders lack the generation', async () => {
      const { session, generation } = await begin();
      const word = async (holder: string, current: string) =>
        (await deliver(session, holder, current)).lacking;
      expect(await word('n1', generation)).toEqual({ any: true, attached: false, older: false });
      await attach(session, 'n2');
      expect(await word('n1', generation)).toEqual({ any: true, attached: true, older: false });
      expect(await word('n2', generation)).toEqual({ any: true, attached: false, older: false });
      expect(await word('n3', generation)).toEqual({ any: false, attached: false, older: false });
      const next = aLeaseSet();
      await ledger.beginLeaseSet({ session, leaseSet: next, at: start });
      const second = await rotateTo(ledger, session, next.id);
      expect(await word('n1', second)).toEqual({ any: true, attached: true, older: true });
      await detach(session, 'n2');
      expect(await word('n1', second)).toEqual({ any: true, attached: false, older: true });
      await word('n3', second);
      expect(await word('n2', second)).toEqual({ any: false, attached: false, older: false });
    });

    it('tells whether the others are attached and have files', async () => {
      const { session } = await begin();
      const others = (holder: string) => ledger.lookAtOthers({ session, holder });
      expect(await others('n1')).toEqual({ attached: false, unwiped: true });
      expect(await others('n2')).toEqual({ attached: true, unwiped: true });
      for (const holder of ['n1', 'n2']) await ledger.recordWiped({ session, holder, at: start });
      expect(await others('n1')).toEqual({ attached: false, unwiped: true });
      expect(await others('n3')).toEqual({ attached: true, unwiped: false });
    });

    it('lists the holders of several sessions, and finds nobody unknown', async () => {
      const { session } = await begin();
      const other = await anActiveSession(ledger, { bundle: 'other' });
      const found = await ledger.listHolders([session, other.session, 'ses_none']);
      expect([...found].map(([id, listed]) => [id, listed.map(({ name }) => name)])).toEqual([
        [session, holders],
        [other.session, ['pod']],
        ['ses_none', []],
      ]);
      expect(await ledger.findHolder({ session, holder: 'n9' })).toBeUndefined();
      expect(await ledger.findHolder({ session: 'ses_none', holder: 'n1' })).toBeUndefined();
    });

    it('lets a holder of a revoked session say that it has wiped', async () => {
      const { session, leaseSet } = await begin();
      await revoke(session);
      await settleAll(ledger, leaseSet);
      await ledger.finishLeaseSet({ leaseSet, at: start });
      await detach(session, 'n1');
      await ledger.recordWiped({ session, holder: 'n1', at: start });
      expect((await holdersOf(ledger, session))[0]?.wipedAt).toBe(start);
      expect(await dueWork(ledger, start + 100_000)).toEqual([]);
    });

    it('detaches all at a start, and leaves earlier times as they are', async () => {
      const first = await begin();
      const second = await anActiveSession(ledger, { bundle: 'second' });
      await ledger.detachHolder({
        session: second.session,
        holder: 'pod',
        replica,
        dueAt: start + 5_000,
        at: start,
      });
      const revoked = await anActiveSession(ledger, { bundle: 'revoked' });
      await revoke(revoked.session);
      await ledger.detachGone({ dueAt: start + 30_000, marginMs: 0, at: start });
      expect((await holdersOf(ledger, first.session)).some(({ attached }) => attached)).toBe(false);
      expect(await dueWork(ledger, start + 100_000)).toEqual([
        `revoke ${revoked.leaseSet} 1000`,
        `detached ${second.session} 5000`,
        `detached ${first.session} 30000`,
      ]);
    });

    it('detaches all in time for what ends by itself, and never in the past', async () => {
      const { session, leaseSet } = await anActiveSession(ledger);
      const renew = (expiresAt: number) => ledger.recordRenewal({ leaseSet, expiresAt, work: [], at: start });
      await renew(start + 25_000);
      await ledger.detachGone({ dueAt: start + 30_000, marginMs: 10_000, at: start });
      expect(await dueWork(ledger, start + 100_000)).toContain(`detached ${session} 15000`);
      const late = await anActiveSession(ledger, { bundle: 'late' });
      await ledger.recordRenewal({ leaseSet: late.leaseSet, expiresAt: start + 9_000, work: [], at: start });
      await ledger.detachGone({ dueAt: start + 30_000, marginMs: 10_000, at: start + 2_000 });
      expect(await dueWork(ledger, start + 300_000)).toContain(`detached ${late.session} 2000`);
    });
  });

  describe('beginRevoke', () => {
    it('refuses an unknown session', async () => {
      expect(await refusal(revoke('ses_none'))).toBe('ledger_conflict');
    });

    it('makes every lease set outstanding, due now, and drops all other work', async () => {
      const { session, leaseSet } = await anActiveSession(ledger);
      const pending = aLeaseSet();
      await ledger.beginLeaseSet({ session, leaseSet: pending, at: start });
      await ledger.putWork([
        { kind: 'renew', subject: leaseSet, dueAt: start },
        { kind: 'deadline', subject: session, dueAt: start },
        { kind: 'rotate', subject: session, dueAt: start },
      ]);
      const revoked = await revoke(session);
      expect(revoked).toMatchObject({
        state: 'revoking',
        end: { reason: 'admin', note: 'leaked', by: 'admin:ann' },
        endedAt: undefined,
        leaseSets: [{ state: 'revoking' }, { state: 'revoking', credentials: [] }],
      });
      for (const credential of revoked.leaseSets[0]?.credentials ?? [])
        expect(credential).toMatchObject({ settlement: 'outstanding', since: start + 1_000 });
      expect(await dueWork(ledger, start + 1_000_000)).toEqual([
        `revoke ${leaseSet} 1000`,
        `revoke ${pending.id} 1000`,
      ]);
    });

    it('ends a session without lease sets at once', async () => {
      const { session } = await ledger.beginSession(aStaticSession());
      expect(await revoke(session.id)).toMatchObject({ state: 'ended', endedAt: start + 1_000 });
      expect((await holdersOf(ledger, session.id))[0]?.attached).toBe(false);
    });

    it('returns one that is revoking or ended as it is, and still writes the tombstone', async () => {
      const { session } = await ledger.beginSession(aStaticSession());
      const first = await revoke(session.id);
      expect(await revoke(session.id, true, 'again')).toEqual(first);
      expect(await ledger.findTombstone(session.workload, 'db')).toMatchObject({ reason: 'again' });
    });
  });

  describe('beginRevokeLeaseSet', () => {
    it('takes one lease set and leaves the session to go on', async () => {
      const { session, leaseSet } = await anActiveSession(ledger);
      const failed = aLeaseSet();
      await ledger.beginLeaseSet({ session, leaseSet: failed, at: start });
      await recordIssue(ledger, failed.id);
      await ledger.beginRevokeLeaseSet({ leaseSet: failed.id, at: start });
      await ledger.beginRevokeLeaseSet({ leaseSet: failed.id, at: start + 99 });
      expect(await ledger.findSession(session)).toMatchObject({
        state: 'active',
        leaseSets: [
          { id: leaseSet, state: 'current' },
          {
            id: failed.id,
            state: 'revoking',
            credentials: [{ settlement: 'outstanding', since: start }, {}],
          },
        ],
      });
      expect(await dueWork(ledger, start + 1_000_000)).toEqual([`revoke ${failed.id} 0`]);
      expect(await refusal(ledger.beginRevokeLeaseSet({ leaseSet: 'set_none', at: start }))).toBe(
        'ledger_conflict',
      );
    });
  });

  describe('settleCredential', () => {
    it('refuses an unknown credential, holding again what must go, and another name for what is settled', async () => {
      const { session, leaseSet } = await anActiveSession(ledger);
      const token = await tokenOf(leaseSet);
      await revoke(session);
      expect(await refusal(settle('cre_none', 'confirmed'))).toBe('ledger_conflict');
      expect(await refusal(settle(token, 'held'))).toBe('ledger_conflict');
      await settle(token, 'confirmed');
      await settle(token, 'confirmed');
      for (const other of ['held', 'outstanding', 'vanished', 'lapsed', 'expires', 'written_off'] as const)
        expect(await refusal(settle(token, other))).toBe('ledger_conflict');
    });

    it('keeps why, since when, how often and when next', async () => {
      const { session, leaseSet } = await anActiveSession(ledger);
      const token = await tokenOf(leaseSet);
      await revoke(session);
      await settle(token, 'outstanding');
      await settle(token, 'outstanding');
      expect(await ledger.findCredential(token)).toMatchObject({
        session,
        credential: {
          settlement: 'outstanding',
          why: 'backend_sealed',
          since: start + 1_000,
          nextTryAt: start + 9_000,
          attempts: 2,
        },
      });
      await settle(token, 'vanished');
      expect((await ledger.findCredential(token))?.credential).toMatchObject({
        settlement: 'vanished',
        why: undefined,
        since: start + 5_000,
        nextTryAt: undefined,
      });
      expect(await ledger.findCredential('cre_none')).toBeUndefined();
    });
  });

  describe('finishLeaseSet', () => {
    const finish = (leaseSet: string) => ledger.finishLeaseSet({ leaseSet, at: start + 7_000 });

    it('refuses what is unknown or in use', async () => {
      expect(await refusal(finish('set_none'))).toBe('ledger_conflict');
      const { leaseSet } = await anActiveSession(ledger);
      await settleAll(ledger, leaseSet);
      expect(await refusal(finish(leaseSet))).toBe('ledger_conflict');
    });

    it('leaves it as it is while a credential is outstanding', async () => {
      const { session, leaseSet } = await anActiveSession(ledger);
      await revoke(session);
      await settle(await tokenOf(leaseSet), 'confirmed');
      expect(await finish(leaseSet)).toMatchObject({ state: 'revoking', leaseSets: [{ state: 'revoking' }] });
    });

    it('ends the session with its last lease set, and only then', async () => {
      const { session, leaseSet } = await anActiveSession(ledger);
      const pending = aLeaseSet();
      await ledger.beginLeaseSet({ session, leaseSet: pending, at: start });
      await revoke(session);
      await settleAll(ledger, leaseSet);
      expect(await finish(leaseSet)).toMatchObject({ state: 'revoking', leaseSets: [{ id: pending.id }] });
      expect(await finish(pending.id)).toMatchObject({
        state: 'ended',
        endedAt: start + 7_000,
        leaseSets: [],
      });
      expect(await finish(pending.id)).toMatchObject({ state: 'ended' });
      expect((await ledger.findSession(session))?.leaseSets.map(({ state }) => state)).toEqual([
        'ended',
        'ended',
      ]);
      expect(await ledger.nextWorkAt()).toBeUndefined();
    });

    it('ends one set of a session that goes on', async () => {
      const { session, leaseSet } = await anActiveSession(ledger);
      await ledger.beginRevokeLeaseSet({ leaseSet, at: start });
      await settleAll(ledger, leaseSet);
      expect(await finish(leaseSet)).toMatchObject({ id: session, state: 'active', leaseSets: [] });
    });
  });

  describe('what is outstanding', () => {
    const late = start + 60_000;
    /** Revoking, with its item put off. */
    const revoking = async (uid: string, attempts: number) => {
      const { session, leaseSet } = await anActiveSession(ledger, { workload: `pod/a/${uid}` });
      await revoke(session);
      for (let tried = 0; tried < attempts; tried += 1) await settle(await tokenOf(leaseSet), 'outstanding');
      await ledger.putWork([{ kind: 'revoke', subject: leaseSet, dueAt: late }]);
      const found = await ledger.findLeaseSet(leaseSet);
      return { leaseSet, path: found?.credentials.find(({ kind }) => kind === 'token')?.path ?? '' };
    };
    /** Claimed, and kept. */
    const takeDue = async () => {
      const now = start + 2_000;
      const claimed = await ledger.claimWork({
        owner: 'a',
        now,
        claimUntil: late,
        limit: 10,
        kinds: ['revoke'],
      });
      return claimed.map(({ subject }) => subject);
    };

    it('is counted by path, with its oldest instant and a reason', async () => {
      expect(await ledger.listOutstanding()).toEqual([]);
      const { path } = await revoking('u1', 0);
      await revoking('u2', 1);
      const found = (await ledger.listOutstanding()).find((one) => one.path === path);
      expect(found).toEqual({ path, count: 2, since: start + 1_000, why: 'backend_sealed' });
    });

    it('is called back by path, the least tried first, and no other', async () => {
      const often = await revoking('u1', 2);
      const never = await revoking('u2', 0);
      const hasten = (path: string, limit: number) =>
        ledger.hastenRevocations({ path, at: start + 2_000, limit });
      expect(await hasten('database/creds/none', 10)).toBe(0);
      expect(await hasten(never.path, 1)).toBe(1);
      expect(await takeDue()).toEqual([never.leaseSet]);
      expect(await hasten(never.path, 10)).toBe(1);
      expect(await takeDue()).toEqual([often.leaseSet]);
      // Both are claimed now.
      expect(await hasten(never.path, 10)).toBe(0);
    });
  });
}
