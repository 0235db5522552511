import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Ledger, Lock, NewWork } from '../../../src/ledger/ledger.ts';
import {
  anActiveSession,
  aPod,
  aSession,
  aStaticSession,
  dueWork,
  type LedgerWorld,
  type OpenLedgerWorld,
  refusal,
  settleAll,
  start,
} from './ledger-world.ts';

/** Work, tombstones, locks, listings, facts, pruning, and what a restart keeps. */
export function workContract(open: OpenLedgerWorld): void {
  let world: LedgerWorld;
  let ledger: Ledger;
  beforeEach(async () => {
    world = await open();
    ledger = world.ledger;
  });
  afterEach(() => world.close());

  const claim = (owner: string, now: number, limit = 10) =>
    ledger.claimWork({ owner, now, claimUntil: now + 1_000, limit });
  const item = (subject: string, dueAt: number): NewWork => ({ kind: 'renew', subject, dueAt });

  describe('work', () => {
    it('gives nothing that is not due, not wanted or claimed', async () => {
      await ledger.putWork([item('a', start + 10), item('b', start)]);
      expect(await claim('me', start - 1)).toEqual([]);
      expect(await claim('me', start + 10, 0)).toEqual([]);
      expect((await claim('me', start)).map(({ subject }) => subject)).toEqual(['b']);
      expect(await claim('you', start)).toEqual([]);
    });

    it('gives the oldest first and says when the next one is due', async () => {
      expect(await ledger.nextWorkAt()).toBeUndefined();
      await ledger.putWork([item('c', start + 3), item('a', start + 1), item('b', start + 2)]);
      expect(await ledger.nextWorkAt()).toBe(start + 1);
      expect((await claim('me', start + 9, 2)).map(({ subject }) => subject)).toEqual(['a', 'b']);
      expect(await ledger.nextWorkAt()).toBe(start + 3);
      expect((await claim('me', start + 9, 2)).map(({ subject }) => subject)).toEqual(['c']);
    });

    it('gives only the kinds that are asked for', async () => {
      await ledger.putWork([
        { kind: 'revoke', subject: 'a', dueAt: start },
        { kind: 'renew', subject: 'b', dueAt: start + 5 },
        { kind: 'rotate', subject: 'c', dueAt: start + 7 },
      ]);
      const kinds = ['renew', 'rotate'] as const;
      expect(await ledger.nextWorkAt({ kinds })).toBe(start + 5);
      expect(await ledger.nextWorkAt({ kinds: [] })).toBeUndefined();
      const claimed = await ledger.claimWork({
        owner: 'me',
        now: start + 9,
        claimUntil: start + 99,
        limit: 10,
        kinds,
      });
      expect(claimed.map(({ subject }) => subject)).toEqual(['b', 'c']);
      expect(await ledger.nextWorkAt()).toBe(start);
    });

    it("makes an expired claim anybody's, and the late owner's word worth nothing", async () => {
      await ledger.putWork([item('a', start)]);
      const [late] = await claim('me', start);
      expect(await ledger.nextWorkAt()).toBe(start + 1_000);
      const [now] = await claim('you', start + 1_000);
      if (late === undefined || now === undefined) throw new Error('nothing was claimed');
      expect(now).toMatchObject({ kind: 'renew', subject: 'a', dueAt: start });
      await ledger.finishWork({ work: late });
      await ledger.finishWork({ work: late, dueAt: start });
      expect(await claim('me', start + 1_500)).toEqual([]);
      await ledger.finishWork({ work: now });
      expect(await ledger.nextWorkAt()).toBeUndefined();
    });

    it('does not finish an item that was replaced while it was claimed', async () => {
      await ledger.putWork([item('a', start)]);
      const [work] = await claim('me', start);
      if (work === undefined) throw new Error('nothing was claimed');
      await ledger.putWork([item('a', start + 5)]);
      await ledger.finishWork({ work });
      await ledger.finishWork({ work, dueAt: start + 99 });
      expect(await dueWork(ledger, start + 5)).toEqual(['renew a 5']);
    });

    it('does not finish an item that was removed and put again', async () => {
      await ledger.putWork([item('a', start)]);
      const [work] = await claim('me', start);
      if (work === undefined) throw new Error('nothing was claimed');
      await ledger.finishWork({ work });
      await ledger.putWork([item('a', start)]);
      await ledger.finishWork({ work });
      expect(await dueWork(ledger, start)).toEqual(['renew a 0']);
    });

    it('moves an item, rounding the fractions that jitter makes', async () => {
      await ledger.putWork([item('a', start + 0.3)]);
      const [work] = await claim('me', start);
      if (work === undefined) throw new Error('nothing was claimed');
      await ledger.finishWork({ work, dueAt: start + 6.7 });
      expect(await dueWork(ledger, start + 100)).toEqual(['renew a 7']);
    });

    it('gives back claims that their owner does not know of, and no others', async () => {
      const items = (['renew', 'deadline', 'revoke'] as const).flatMap((kind, index) =>
        ['a', 'b'].map((subject): NewWork => ({ kind, subject, dueAt: start + index })),
      );
      await ledger.putWork([...items, item('c', start + 9), item('d', start + 50)]);
      const mine = await claim('me', start + 5);
      expect(mine).toHaveLength(6);
      expect(await claim('you', start + 9)).toHaveLength(1);
      const known = [
        { kind: 'renew', subject: 'b' },
        { kind: 'revoke', subject: 'a' },
      ] as const;
      await ledger.releaseLostClaims({ owner: 'me', kinds: ['renew', 'deadline'], known });
      expect(await dueWork(ledger, start + 20)).toEqual(['renew a 0', 'deadline a 1', 'deadline b 1']);
      // As one whose answer comes late would.
      for (const work of mine) await ledger.finishWork({ work });
      expect(await dueWork(ledger, start + 20)).toEqual(['renew a 0', 'deadline a 1', 'deadline b 1']);
      await ledger.releaseLostClaims({ owner: 'me', kinds: ['renew', 'deadline'], known: [] });
      expect(await dueWork(ledger, start + 2_000)).toEqual([
        ...['renew a 0', 'deadline a 1', 'deadline b 1', 'renew d 50', 'renew c 9'],
      ]);
    });

    it('keeps kinds of one subject apart and replaces the same kind', async () => {
      await ledger.putWork([item('a', start), { kind: 'revoke', subject: 'a', dueAt: start + 1 }]);
      await ledger.putWork([item('a', start + 2)]);
      expect(await dueWork(ledger, start + 9)).toEqual(['revoke a 1', 'renew a 2']);
    });
  });

  describe('tombstones and locks', () => {
    it('keeps the first tombstone until it is lifted or the workload has ended', async () => {
      const { session } = await ledger.beginSession(aStaticSession());
      const end = { reason: 'admin', note: '', by: 'admin:ann' } as const;
      await ledger.beginRevoke({ session: session.id, end, tombstone: true, at: start });
      await ledger.beginRevoke({
        session: session.id,
        end: { ...end, note: 'later' },
        tombstone: true,
        at: start + 1,
      });
      const stone = {
        workload: session.workload,
        bundle: 'db',
        reason: 'admin',
        by: 'admin:ann',
        createdAt: start,
      };
      expect(await ledger.findTombstone(session.workload, 'db')).toEqual(stone);
      expect(await ledger.listTombstones()).toEqual([stone]);
      expect(await ledger.liftTombstone(session.workload, 'other')).toBe(false);
      expect(await ledger.liftTombstone(session.workload, 'db')).toBe(true);
      expect(await ledger.findTombstone(session.workload, 'db')).toBeUndefined();
      await ledger.beginRevoke({ session: session.id, end, tombstone: true, at: start });
      await ledger.removeTombstonesOf(session.workload);
      expect(await ledger.listTombstones()).toEqual([]);
    });

    it('takes a tombstone for a hold that it has no session of, and never an older one for a younger', async () => {
      const stone = {
        workload: 'pod/a/unheard-of',
        bundle: 'db',
        reason: 'stolen',
        by: 'admin:ann',
        createdAt: start,
      };
      const younger = { ...stone, reason: 'stolen again', createdAt: start + 1 };
      expect(await ledger.addTombstone(stone)).toBe(true);
      expect(await ledger.addTombstone({ ...stone, reason: 'other' })).toBe(false);
      expect(await ledger.listTombstones()).toEqual([stone]);
      expect(await ledger.addTombstone(younger)).toBe(true);
      expect(await ledger.addTombstone(stone)).toBe(false);
      expect(await ledger.listTombstones()).toEqual([younger]);
      expect(await ledger.addTombstone({ ...stone, bundle: 'other' })).toBe(true);
      expect(await ledger.liftTombstone(stone.workload, 'db')).toBe(true);
    });

    it('keeps locks until they are removed', async () => {
      const lock: Lock = {
        id: 'loc_1',
        selector: { namespace: 'sh*p', all: true },
        reason: 'incident',
        by: 'admin:ann',
        createdAt: start,
      };
      await ledger.addLock(lock);
      expect(await refusal(ledger.addLock(lock))).toBe('ledger_conflict');
      expect(await ledger.listLocks()).toEqual([lock]);
      expect(await ledger.removeLock('loc_2')).toBeUndefined();
      expect(await ledger.removeLock('loc_1')).toEqual(lock);
      expect(await ledger.listLocks()).toEqual([]);
    });
  });

  describe('listings', () => {
    const three = async () => {
      const ids: string[] = [];
      for (const uid of ['a', 'b', 'c']) {
        const identity = aPod(uid, { node: `node-${uid}`, namespace: uid === 'c' ? 'mail' : 'shop' });
        ids.push((await ledger.beginSession(aStaticSession({ identity }))).session.id);
      }
      return ids;
    };
    const list = async (query: Partial<Parameters<Ledger['listSessions']>[0]>) =>
      (await ledger.listSessions({ limit: 100, ...query })).map(({ id }) => id);

    it('pages newest first', async () => {
      const [a, b, c] = await three();
      expect(await list({})).toEqual([c, b, a]);
      expect(await list({ limit: 2 })).toEqual([c, b]);
      expect(await list({ limit: 2, after: b ?? '' })).toEqual([a]);
      expect(await list({ after: a ?? '' })).toEqual([]);
      expect(await list({ limit: 0 })).toEqual([]);
    });

    it('refuses to go on after a session that is no longer there', async () => {
      await three();
      expect(await refusal(list({ after: 'ses_none' }))).toBe('ledger_conflict');
    });

    it('selects by exact and pattern fields, workload and state', async () => {
      const [a, b, c] = await three();
      await ledger.beginRevoke({
        session: b ?? '',
        end: { reason: 'admin', note: '', by: 'x' },
        tombstone: false,
        at: start,
      });
      expect(await list({ selector: { namespace: 'shop' } })).toEqual([b, a]);
      expect(await list({ selector: { namespace: 's*', node: 'node-a' } })).toEqual([a]);
      expect(await list({ selector: { cluster: 'east', bundle: 'db', podUid: 'c' } })).toEqual([c]);
      expect(await list({ selector: { session: a ?? '' } })).toEqual([a]);
      expect(await list({ selector: { pod: 'mail/api-*' } })).toEqual([c]);
      expect(await list({ selector: { all: true } })).toEqual([c, b, a]);
      expect(await list({ selector: {} })).toEqual([]);
      expect(await list({ workload: 'pod/east/b' })).toEqual([b]);
      expect(await list({ states: ['active'] })).toEqual([c, a]);
      expect(await list({ states: ['ended', 'active'], selector: { namespace: 'shop' } })).toEqual([b, a]);
      expect(await list({ states: [] })).toEqual([]);
    });

    it('finds what is far down behind many that do not match', async () => {
      const wanted = await ledger.beginSession(aStaticSession({ identity: aPod('first', { node: 'odd' }) }));
      await Promise.all(
        Array.from({ length: 600 }, (_, index) =>
          ledger.beginSession(aStaticSession({ identity: aPod(`many-${index}`) })),
        ),
      );
      expect(await list({ selector: { node: 'odd' }, limit: 5 })).toEqual([wanted.session.id]);
      let after: string | undefined;
      const seen = new Set<string>();
      for (;;) {
        const page = await list({ limit: 100, ...(after === undefined ? {} : { after }) });
        for (const id of page) seen.add(id);
        after = page.at(-1);
        if (after === undefined) break;
      }
      expect(seen.size).toBe(601);
    });

    it('names each workload that holds something once', async () => {
      const [a] = await three();
      await anActiveSession(ledger, { identity: aPod('b'), bundle: 'second' });
      await ledger.beginRevoke({
        session: a ?? '',
        end: { reason: 'admin', note: '', by: 'x' },
        tombstone: false,
        at: start,
      });
      expect([...(await ledger.listHeldWorkloads())].sort()).toEqual(['pod/east/b', 'pod/east/c']);
    });
  });

  describe('facts, counts and pruning', () => {
    it('keeps facts and replaces them', async () => {
      expect(await ledger.readMeta('k')).toBeUndefined();
      await ledger.writeMeta('k', 'one');
      await ledger.writeMeta('k', 'two');
      expect(await ledger.readMeta('k')).toBe('two');
    });

    it('replaces a fact only where it is what the caller has seen', async () => {
      const replace = (from: string | undefined, to: string | undefined) =>
        ledger.replaceMeta({ key: 'k', from, to });
      expect(await replace('one', 'two')).toBe(false);
      expect(await replace('one', undefined)).toBe(false);
      expect(await ledger.readMeta('k')).toBeUndefined();
      expect(await replace(undefined, undefined)).toBe(true);
      expect(await replace(undefined, 'one')).toBe(true);
      expect(await replace(undefined, 'two')).toBe(false);
      expect(await replace(undefined, undefined)).toBe(false);
      expect(await replace('two', 'three')).toBe(false);
      expect(await replace('two', undefined)).toBe(false);
      expect(await ledger.readMeta('k')).toBe('one');
      expect(await replace('one', 'two')).toBe(true);
      expect(await ledger.readMeta('k')).toBe('two');
      expect(await replace('two', undefined)).toBe(true);
      expect(await ledger.readMeta('k')).toBeUndefined();
    });

    it.each([undefined, 'before'])(
      'lets one of many be first that have seen the same fact: %s',
      async (from) => {
        if (from !== undefined) await ledger.writeMeta('k', from);
        const firsts = await Promise.all(
          ['a', 'b', 'c', 'd', 'e', 'f'].map(async (to) =>
            (await ledger.replaceMeta({ key: 'k', from, to })) ? to : undefined,
          ),
        );
        const first = firsts.filter((one) => one !== undefined);
        expect(first).toHaveLength(1);
        expect(await ledger.readMeta('k')).toBe(first[0]);
      },
    );

    it('lists the facts whose keys begin alike, letter by letter', async () => {
      for (const key of ['a/2', 'a/B', 'a/1', 'b/1', 'a', 'A/1', 'a%1', 'a_1'])
        await ledger.writeMeta(key, key);
      const keysOf = async (prefix: string) => (await ledger.listMeta(prefix)).map(({ key }) => key);
      expect(await keysOf('a/')).toEqual(['a/1', 'a/2', 'a/B']);
      expect(await keysOf('a_')).toEqual(['a_1']);
      expect(await keysOf('a%')).toEqual(['a%1']);
      expect(await keysOf('none')).toEqual([]);
      expect(await ledger.listMeta('b/')).toEqual([{ key: 'b/1', value: 'b/1' }]);
    });

    it('counts by state and settlement, with the oldest outstanding credential', async () => {
      const first = await anActiveSession(ledger);
      await anActiveSession(ledger, { bundle: 'two' });
      await ledger.beginSession(aSession({ bundle: 'three' }));
      expect((await ledger.count()).oldestOutstandingAt).toBeUndefined();
      await ledger.beginRevoke({
        session: first.session,
        end: { reason: 'admin', note: '', by: 'x' },
        tombstone: false,
        at: start + 1,
      });
      expect(await ledger.count()).toEqual({
        sessions: { opening: 1, active: 1, superseded: 0, revoking: 1, ended: 0 },
        credentials: {
          held: 2,
          outstanding: 2,
          confirmed: 0,
          vanished: 0,
          lapsed: 0,
          expires: 0,
          written_off: 0,
        },
        oldestOutstandingAt: start + 1,
        work: 2,
      });
    });

    it('removes what ended long ago with all that belongs to it, a bounded number at once', async () => {
      const ended: string[] = [];
      let credential = '';
      for (const bundle of ['one', 'two', 'three']) {
        const { session, leaseSet } = await anActiveSession(ledger, { bundle });
        const end = { reason: 'released', note: '', by: 'x' } as const;
        await ledger.beginRevoke({ session, end, tombstone: false, at: start });
        await settleAll(ledger, leaseSet);
        await ledger.finishLeaseSet({ leaseSet, at: start + ended.length });
        credential = (await ledger.findLeaseSet(leaseSet))?.credentials[0]?.id ?? '';
        ended.push(session);
      }
      await anActiveSession(ledger, { bundle: 'live' });
      expect(await ledger.prune({ endedBefore: start, limit: 9 })).toBe(0);
      expect(await ledger.prune({ endedBefore: start + 2, limit: 1 })).toBe(1);
      expect(await ledger.findSession(ended[0] ?? '')).toBeUndefined();
      expect(await ledger.prune({ endedBefore: start + 99, limit: 9 })).toBe(2);
      expect(await ledger.findCredential(credential)).toBeUndefined();
      expect((await ledger.count()).sessions).toMatchObject({ active: 1, ended: 0 });
    });
  });

  describe('a restart', () => {
    it('finds everything as it was', async () => {
      const { session } = await anActiveSession(ledger);
      await ledger.putWork([item('a', start)]);
      const before = await ledger.findSession(session);
      const count = await ledger.count();
      ledger = await world.reopen();
      expect(await ledger.findSession(session)).toEqual(before);
      expect(await ledger.count()).toEqual(count);
    });
  });
}
