import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Ledger, SessionEnd } from '../../../src/ledger/ledger.ts';
import { anActiveSession, type LedgerWorld, type OpenLedgerWorld, start } from './ledger-world.ts';

/** Ends of sessions that the audit log may not have yet. */
export function unrecordedEndsContract(open: OpenLedgerWorld): void {
  let world: LedgerWorld;
  let ledger: Ledger;
  beforeEach(async () => {
    world = await open();
    ({ ledger } = world);
  });
  afterEach(() => world.close());

  const end: SessionEnd = { reason: 'admin', note: 'drill', by: 'admin:a' };
  const join = async (...ids: readonly string[]) => {
    for (const id of ids) await ledger.joinReplica({ id, address: '' });
  };
  const revoke = (session: string, id: string, replica: string, tombstone = false) =>
    ledger.beginRevoke({ session, end, tombstone, unrecorded: { id, replica }, at: start + 5 });
  const take = async (replica: string, limit = 10) =>
    (await ledger.takeUnrecordedEnds({ replica, limit })).map(({ id }) => id);
  const aSession = async (bundle: string) => (await anActiveSession(ledger, { bundle })).session;

  describe('an end without a record', () => {
    it('is nobody else’s while its replica is there, and the taker’s once it is gone', async () => {
      await join('rep_a', 'rep_b', 'rep_c');
      const session = await aSession('one');
      await revoke(session, 'end_1', 'rep_a');
      expect(await take('rep_b')).toEqual([]);
      expect(await take('rep_a')).toEqual([]);
      await ledger.removeReplica({ id: 'rep_a' });
      expect(await ledger.takeUnrecordedEnds({ replica: 'rep_b', limit: 10 })).toEqual([
        { id: 'end_1', session, end, at: start + 5 },
      ]);
      expect(await take('rep_c')).toEqual([]);
      await ledger.removeReplica({ id: 'rep_b' });
      expect(await take('rep_c')).toEqual(['end_1']);
    });

    it('comes in parts, the oldest first, each to one of several takers', async () => {
      for (const [index, id] of ['end_3', 'end_1', 'end_2', 'end_4'].entries())
        await revoke(await aSession(`b${String(index)}`), id, 'rep_gone');
      await join('rep_a', 'rep_b');
      expect(await take('rep_a', 2)).toEqual(['end_1', 'end_2']);
      const rest = await Promise.all([take('rep_a'), take('rep_b')]);
      expect(rest.flat().toSorted()).toEqual(['end_3', 'end_4']);
    });

    it('is listed for its own replica, and for whoever took it', async () => {
      await join('rep_a', 'rep_b');
      for (const [id, replica] of [
        ['end_2', 'rep_a'],
        ['end_1', 'rep_a'],
        ['end_3', 'rep_gone'],
      ] as const)
        await revoke(await aSession(id), id, replica);
      const list = async (replica: string, limit = 10) =>
        (await ledger.listUnrecordedEnds({ replica, limit })).map(({ id }) => id);
      expect([await list('rep_a'), await list('rep_a', 1), await list('rep_b')]).toEqual([
        ['end_1', 'end_2'],
        ['end_1'],
        [],
      ]);
      expect(await take('rep_b')).toEqual(['end_3']);
      const [taken] = await ledger.listUnrecordedEnds({ replica: 'rep_b', limit: 10 });
      expect(taken).toMatchObject({ id: 'end_3', end, at: start + 5 });
    });

    it('is forgotten once it is recorded, and with it no other', async () => {
      for (const id of ['end_1', 'end_2', 'end_3']) await revoke(await aSession(id), id, 'rep_gone');
      await ledger.removeUnrecordedEnds(['end_1', 'end_3', 'end_unknown']);
      await ledger.removeUnrecordedEnds([]);
      expect(await take('rep_b')).toEqual(['end_2']);
    });

    it('is only of what changed something', async () => {
      const session = await aSession('one');
      await revoke(session, 'end_1', 'rep_gone');
      await revoke(session, 'end_2', 'rep_gone');
      await revoke(session, 'end_3', 'rep_gone', true);
      await ledger.beginRevoke({ session: await aSession('two'), end, tombstone: true, at: start });
      expect(await take('rep_b')).toEqual(['end_1', 'end_3']);
    });
  });
}
