import { randomId } from '../../../src/platform/random-id.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import {
  aLeaseSet,
  anActiveSession,
  aPod,
  aSession,
  aStaticSession,
  dueWork,
  holdersOf,
  type LedgerWorld,
  type OpenLedgerWorld,
  recordIssue,
  refusal,
  rotateTo,
  start,
} from './ledger-world.ts';

/** From intent to a current lease set, and every wrong order of that. */
export function sessionsContract(open: OpenLedgerWorld): void {
  let world: LedgerWorld;
  let ledger: Ledger;
  beforeEach(async () => {
    world = await open();
    ledger = world.ledger;
  });
  afterEach(() => world.close());

  const activate = (session: string, leaseSet?: string) =>
    ledger.activate({
      session,
      ...(leaseSet === undefined ? {} : { leaseSet: { id: leaseSet, expiresAt: start + 50_000 } }),
      generation: { id: 'gen_x', versions: 'v2' },
      retireAt: start + 30_000,
      work: [],
      at: start,
    });
  const recordToken = (leaseSet: string) =>
    ledger.recordToken({ leaseSet, accessor: 'a', path: 'p', expiresAt: start + 1, at: start });
  const recordLease = (leaseSet: string) =>
    ledger.recordLease({
      leaseSet,
      leaseId: 'l',
      path: 'p',
      renewable: true,
      expiresAt: start + 1,
      at: start,
    });
  const renew = (leaseSet: string) =>
    ledger.recordRenewal({ leaseSet, expiresAt: start + 90_000, work: [], at: start });
  const revoke = (session: string) =>
    ledger.beginRevoke({
      session,
      end: { reason: 'admin', note: '', by: 'broker' },
      tombstone: false,
      at: start,
    });

  describe('beginSession', () => {
    it('refuses a workload and bundle with a tombstone', async () => {
      const { session } = await anActiveSession(ledger);
      await ledger.beginRevoke({
        session,
        end: { reason: 'admin', note: 'leaked', by: 'admin:ann' },
        tombstone: true,
        at: start,
      });
      expect(await refusal(ledger.beginSession(aSession()))).toBe('tombstoned');
    });

    it('lets each node of a workload have one of its own, beside the one of all', async () => {
      const ofAll = aSession();
      const [first, second] = ['n1', 'n2'].map((node) => aSession({ node, holders: [node], attach: node }));
      if (first === undefined || second === undefined) expect.unreachable();
      for (const input of [ofAll, first, second])
        expect(await ledger.beginSession(input)).toMatchObject({
          outcome: 'created',
          session: { id: input.id, node: input.node },
        });
      for (const input of [ofAll, first, second])
        expect(await ledger.findLive(input)).toMatchObject({ id: input.id, node: input.node });
      expect(await ledger.beginSession({ ...first, id: randomId('ses_') })).toMatchObject({
        outcome: 'existing',
        session: { id: first.id },
      });
      const foreign = aSession({ node: 'n3', holders: ['n3'], attach: 'n3', supersedes: first.id });
      expect(await refusal(ledger.beginSession(foreign))).toBe('ledger_conflict');
    });

    it('refuses a session id that is taken', async () => {
      const input = aSession();
      await ledger.beginSession(input);
      expect(await refusal(ledger.beginSession({ ...aSession({ bundle: 'other' }), id: input.id }))).toBe(
        'ledger_conflict',
      );
      expect(await ledger.findLive({ ...input, bundle: 'other' })).toBeUndefined();
    });

    it('refuses an asking holder that the session does not have, and leaves nothing', async () => {
      const input = aSession({ attach: 'stranger' });
      expect(await refusal(ledger.beginSession(input))).toBe('ledger_conflict');
      expect(await ledger.findSession(input.id)).toBeUndefined();
      expect(await ledger.nextWorkAt()).toBeUndefined();
    });

    it('records the intent with all that is known, and its settling', async () => {
      const input = aSession({ work: [{ kind: 'deadline', subject: 'x', dueAt: start + 200_000 }] });
      const { outcome, session } = await ledger.beginSession(input);
      expect(outcome).toBe('created');
      expect(session).toEqual({
        id: input.id,
        workload: input.workload,
        bundle: 'db',
        node: '',
        requestKey: input.requestKey,
        identity: input.identity,
        state: 'opening',
        leased: true,
        grant: 'shop-may-db',
        policyRevision: 'rev-1',
        createdAt: start,
        deadlineAt: input.deadlineAt,
        endedAt: undefined,
        end: undefined,
        generation: { id: '', number: 0, versions: '' },
        owner: undefined,
        leaseSets: [
          {
            id: input.leaseSet?.id,
            session: input.id,
            state: 'intent',
            tokenRole: 'leasehold-db',
            createdAt: start,
            expiresAt: 0,
            credentials: [],
          },
        ],
      });
      expect(await ledger.findSession(input.id)).toEqual(session);
      expect(await holdersOf(ledger, input.id)).toEqual([
        {
          name: 'pod',
          attached: true,
          replica: 'rep_one',
          generation: { id: '', number: 0 },
          deliveredAt: undefined,
          wipedAt: undefined,
        },
      ]);
      expect(await dueWork(ledger, start + 300_000)).toEqual([
        `settle ${input.leaseSet?.id ?? ''} 150000`,
        'deadline x 200000',
      ]);
    });

    it('makes a static session active at once, with its first generation', async () => {
      const { session } = await ledger.beginSession(aStaticSession());
      expect(session).toMatchObject({
        state: 'active',
        leased: false,
        generation: { number: 1, versions: 'v1' },
        leaseSets: [],
      });
    });

    it('gives the same session to the same request and to any other of that workload and bundle', async () => {
      const first = aSession();
      const { session } = await ledger.beginSession(first);
      for (const again of [first, { ...aSession(), requestKey: first.requestKey }, aSession()]) {
        expect(await ledger.beginSession(again)).toEqual({ outcome: 'existing', session });
      }
      expect((await ledger.count()).sessions.opening).toBe(1);
    });

    it('makes one session of many calls at once', async () => {
      const results = await Promise.all(Array.from({ length: 20 }, () => ledger.beginSession(aSession())));
      expect(new Set(results.map(({ session }) => session.id)).size).toBe(1);
      expect(results.filter(({ outcome }) => outcome === 'created')).toHaveLength(1);
    });

    it('attaches the asking holder to an existing session', async () => {
      const holders = ['n1', 'n2', 'n3'];
      await ledger.beginSession(aSession({ holders, attach: 'n1' }));
      const { session } = await ledger.beginSession(aSession({ holders, attach: 'n3' }));
      expect((await holdersOf(ledger, session.id)).map(({ name, attached }) => [name, attached])).toEqual([
        ['n1', true],
        ['n2', false],
        ['n3', true],
      ]);
    });

    it('keeps bundles and workloads apart', async () => {
      const sessions = [
        aSession(),
        aSession({ bundle: 'other' }),
        aSession({ identity: aPod('uid-1', { cluster: 'west' }) }),
        aSession({ identity: aPod('uid-2') }),
      ];
      for (const input of sessions) expect((await ledger.beginSession(input)).outcome).toBe('created');
    });

    it('begins anew after the one before was revoked', async () => {
      const { session } = await anActiveSession(ledger);
      await revoke(session);
      expect((await ledger.beginSession(aSession())).outcome).toBe('created');
    });
  });

  describe('superseding', () => {
    it('refuses what is not the active session of that workload and bundle', async () => {
      const opening = aSession();
      await ledger.beginSession(opening);
      expect(await refusal(ledger.beginSession(aSession({ supersedes: opening.id })))).toBe(
        'ledger_conflict',
      );
      const other = await anActiveSession(ledger, { identity: aPod('uid-2') });
      const third = { identity: aPod('uid-3') };
      expect(await refusal(ledger.beginSession(aSession({ ...third, supersedes: other.session })))).toBe(
        'ledger_conflict',
      );
      expect(await refusal(ledger.beginSession(aSession({ ...third, supersedes: 'ses_none' })))).toBe(
        'ledger_conflict',
      );
      expect((await ledger.findSession(other.session))?.state).toBe('active');
    });

    it('refuses a successor of a session that was revoked meanwhile', async () => {
      const { session } = await anActiveSession(ledger);
      await revoke(session);
      expect(await refusal(ledger.beginSession(aSession({ supersedes: session })))).toBe('ledger_conflict');
    });

    it('gives another successor to a session whose first one failed', async () => {
      const old = await anActiveSession(ledger);
      const failed = aSession({ supersedes: old.session });
      await ledger.beginSession(failed);
      await revoke(failed.id);
      const next = aSession({ supersedes: old.session });
      expect(await ledger.beginSession(next)).toMatchObject({
        outcome: 'created',
        session: { id: next.id },
      });
      expect((await ledger.findSession(old.session))?.state).toBe('superseded');
    });

    it('leaves the successor as the only live one, and the old one with its leases', async () => {
      const old = await anActiveSession(ledger);
      const next = aSession({ supersedes: old.session });
      expect((await ledger.beginSession(next)).outcome).toBe('created');
      expect((await ledger.findLive(next))?.id).toBe(next.id);
      expect(await ledger.findSession(old.session)).toMatchObject({
        state: 'superseded',
        leaseSets: [{ state: 'current' }],
      });
      await renew(old.leaseSet);
    });

    it('gives the successor to a request that is repeated', async () => {
      const old = await anActiveSession(ledger);
      const next = aSession({ supersedes: old.session });
      await ledger.beginSession(next);
      expect(await ledger.beginSession(aSession({ supersedes: old.session }))).toMatchObject({
        outcome: 'existing',
        session: { id: next.id },
      });
    });
  });

  describe('beginLeaseSet', () => {
    it('refuses a session that is unknown, static, superseded or revoked, and a second pending one', async () => {
      const begin = (session: string) => ledger.beginLeaseSet({ session, leaseSet: aLeaseSet(), at: start });
      expect(await refusal(begin('ses_none'))).toBe('ledger_conflict');
      const plain = await ledger.beginSession(aStaticSession({ bundle: 'static' }));
      expect(await refusal(begin(plain.session.id))).toBe('ledger_conflict');
      const { session } = await anActiveSession(ledger);
      await begin(session);
      expect(await refusal(begin(session))).toBe('ledger_conflict');
      const next = aSession({ supersedes: session });
      await ledger.beginSession(next);
      expect(await refusal(begin(session))).toBe('ledger_conflict');
      await revoke(next.id);
      expect(await refusal(begin(next.id))).toBe('ledger_conflict');
    });

    it('starts over in an opening session whose first one failed', async () => {
      const input = aSession();
      await ledger.beginSession(input);
      await ledger.beginRevokeLeaseSet({ leaseSet: input.leaseSet?.id ?? '', at: start });
      const second = aLeaseSet();
      await ledger.beginLeaseSet({ session: input.id, leaseSet: second, at: start });
      await rotateTo(ledger, input.id, second.id);
      expect(await ledger.findSession(input.id)).toMatchObject({
        state: 'active',
        leaseSets: [{ state: 'revoking' }, { id: second.id, state: 'current' }],
      });
    });
  });

  describe('recording an issue', () => {
    it('refuses a lease before the token, a second token, and a token or lease of a current or ended set', async () => {
      const input = aSession();
      const leaseSet = input.leaseSet?.id ?? '';
      await ledger.beginSession(input);
      expect(await refusal(recordLease(leaseSet))).toBe('ledger_conflict');
      await recordToken(leaseSet);
      expect(await refusal(recordToken(leaseSet))).toBe('ledger_conflict');
      await activate(input.id, leaseSet);
      expect(await refusal(recordToken(leaseSet))).toBe('ledger_conflict');
      expect(await refusal(recordLease(leaseSet))).toBe('ledger_conflict');
      expect(await refusal(recordToken('set_none'))).toBe('ledger_conflict');
    });

    it('keeps token and leases in order, with the soonest end of them', async () => {
      const input = aSession();
      await ledger.beginSession(input);
      await recordIssue(ledger, input.leaseSet?.id ?? '');
      expect(await ledger.findLeaseSet(input.leaseSet?.id ?? '')).toMatchObject({
        state: 'token',
        expiresAt: start + 50_000,
        credentials: [
          { kind: 'token', renewable: true, settlement: 'held', attempts: 0, since: start, why: undefined },
          { kind: 'lease', path: 'database/creds/app', settlement: 'held', nextTryAt: undefined },
        ],
      });
    });

    it('records as outstanding what arrives after the session was revoked', async () => {
      const input = aSession();
      const leaseSet = input.leaseSet?.id ?? '';
      await ledger.beginSession(input);
      await revoke(input.id);
      await recordToken(leaseSet);
      await recordLease(leaseSet);
      expect((await ledger.findLeaseSet(leaseSet))?.credentials).toMatchObject([
        { kind: 'token', settlement: 'outstanding', nextTryAt: start },
        { kind: 'lease', settlement: 'outstanding' },
      ]);
      expect(await dueWork(ledger, start)).toEqual([`revoke ${leaseSet} 0`]);
    });
  });

  describe('activate', () => {
    it('refuses in each wrong state of session and lease set', async () => {
      const input = aSession();
      const leaseSet = input.leaseSet?.id ?? '';
      await ledger.beginSession(input);
      expect(await refusal(activate(input.id, leaseSet))).toBe('ledger_conflict');
      expect(await refusal(activate(input.id))).toBe('ledger_conflict');
      expect(await refusal(activate('ses_none', leaseSet))).toBe('ledger_conflict');
      await recordIssue(ledger, leaseSet);
      const other = await anActiveSession(ledger, { bundle: 'other' });
      expect(await refusal(activate(other.session, leaseSet))).toBe('ledger_conflict');
      await activate(input.id, leaseSet);
      expect(await refusal(activate(input.id, leaseSet))).toBe('ledger_conflict');
      await revoke(input.id);
      expect(await refusal(activate(input.id, leaseSet))).toBe('ledger_conflict');
      expect(await refusal(activate(input.id))).toBe('ledger_conflict');
    });

    it('makes the set current and the session active, and takes the settling away', async () => {
      const { session, leaseSet, generation } = await anActiveSession(ledger);
      expect(await ledger.findSession(session)).toMatchObject({
        state: 'active',
        generation: { id: generation, number: 1 },
        leaseSets: [{ id: leaseSet, state: 'current', expiresAt: start + 50_000 }],
      });
      expect(await dueWork(ledger, start + 1_000_000)).toEqual([]);
    });

    it("records each credential's own end, and the soonest as the least that is known of the others", async () => {
      const input = aSession();
      const leaseSet = input.leaseSet?.id ?? '';
      await ledger.beginSession(input);
      await recordIssue(ledger, leaseSet);
      const before = (await ledger.findLeaseSet(leaseSet))?.credentials ?? [];
      const [token, lease] = before;
      expect(before).toHaveLength(2);
      await ledger.activate({
        session: input.id,
        leaseSet: {
          id: leaseSet,
          expiresAt: start + 80_000,
          credentials: [{ id: lease?.id ?? '', expiresAt: start + 95_000 }],
        },
        generation: { id: 'gen_x', versions: '' },
        retireAt: start,
        work: [],
        at: start,
      });
      const found = await ledger.findLeaseSet(leaseSet);
      expect(found?.expiresAt).toBe(start + 80_000);
      expect(found?.credentials.map(({ id, expiresAt }) => [id, expiresAt])).toEqual([
        [token?.id, start + 80_000],
        [lease?.id, start + 95_000],
      ]);
    });

    it('retires the set before, for the time given, and drops an older retiring one at once', async () => {
      const first = await anActiveSession(ledger);
      const sets = [aLeaseSet(), aLeaseSet()];
      for (const leaseSet of sets) {
        await ledger.beginLeaseSet({ session: first.session, leaseSet, at: start });
        await rotateTo(ledger, first.session, leaseSet.id);
      }
      const found = await ledger.findSession(first.session);
      expect(found?.generation.number).toBe(3);
      expect(found?.leaseSets.map(({ state }) => state)).toEqual(['revoking', 'retiring', 'current']);
      expect(await dueWork(ledger, start + 30_000)).toEqual([
        `revoke ${first.leaseSet} 0`,
        `revoke ${sets[0]?.id ?? ''} 30000`,
      ]);
    });

    it('gives a superseded session its lease set without making it live again', async () => {
      const old = await anActiveSession(ledger);
      const leaseSet = aLeaseSet();
      await ledger.beginLeaseSet({ session: old.session, leaseSet, at: start });
      await ledger.beginSession(aSession({ supersedes: old.session }));
      await rotateTo(ledger, old.session, leaseSet.id);
      expect((await ledger.findSession(old.session))?.state).toBe('superseded');
    });

    it('counts generations of static secrets alone', async () => {
      const { session } = await ledger.beginSession(aStaticSession());
      expect((await activate(session.id)).generation).toEqual({ id: 'gen_x', number: 2, versions: 'v2' });
    });
  });

  describe('recordRenewal', () => {
    it('refuses a set that is pending, revoking or unknown', async () => {
      const input = aSession();
      const leaseSet = input.leaseSet?.id ?? '';
      await ledger.beginSession(input);
      expect(await refusal(renew(leaseSet))).toBe('ledger_conflict');
      await rotateTo(ledger, input.id, leaseSet);
      await revoke(input.id);
      expect(await refusal(renew(leaseSet))).toBe('ledger_conflict');
      expect(await refusal(renew('set_none'))).toBe('ledger_conflict');
    });

    it('moves the end and puts the next renewal in place of the one before', async () => {
      const { leaseSet } = await anActiveSession(ledger);
      for (const dueAt of [start + 70_000, start + 80_000.4]) {
        await ledger.recordRenewal({
          leaseSet,
          expiresAt: start + 90_000,
          work: [{ kind: 'renew', subject: leaseSet, dueAt }],
          at: start,
        });
      }
      expect(await ledger.findLeaseSet(leaseSet)).toMatchObject({ expiresAt: start + 90_000 });
      expect(await dueWork(ledger, start + 90_000)).toEqual([`renew ${leaseSet} 80000`]);
    });
  });
}
