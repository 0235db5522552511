import { describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../../src/audit/audit.ts';
import { encodeDebt } from '../../../src/audit/debt.ts';
import { payOthers } from '../../../src/audit/pay-others.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { createManualClock } from '../backend/manual-clock.ts';

const minuteMs = 60_000;
const revoked = (session: string): AuditEvent => ({
  action: 'revoke',
  outcome: 'ok',
  session,
  happenedAt: '2026-01-02T03:04:05.006Z',
});
const claimOf = (life: string, beat = 0) => JSON.stringify({ life, host: 'h', pid: 1, beat });
const debtOf = (replica: string, sessions: readonly string[], payer?: { replica: string; life: string }) =>
  encodeDebt({ replica, events: sessions.map(revoked), lost: 0, ...(payer === undefined ? {} : { payer }) });

function createWorld(facts: Readonly<Record<string, string>>) {
  const meta = new Map(Object.entries(facts));
  const clock = createManualClock();
  let failReplace = 0;
  const ledger = {
    listMeta: async (prefix: string) =>
      [...meta].flatMap(([key, value]) => (key.startsWith(prefix) ? [{ key, value }] : [])),
    replaceMeta: async ({
      key,
      from,
      to,
    }: {
      key: string;
      from: string | undefined;
      to: string | undefined;
    }) => {
      await Promise.resolve();
      if (failReplace > 0 && (failReplace -= 1) === 0) throw new LeaseholdError('ledger_unavailable');
      if (meta.get(key) !== from) return false;
      if (to === undefined) meta.delete(key);
      else meta.set(key, to);
      return true;
    },
  };
  /** A broker whose log takes so many records. */
  const start = async (replica: string, { room = Infinity, life = `lif_${replica}` } = {}) => {
    const records: AuditEvent[] = [];
    const broker = { records, room, isOwing: false };
    meta.set(`replica_name/${replica}`, claimOf(life));
    const paying = await payOthers({
      ledger,
      self: { replica, life },
      record: async (event) => {
        if (records.length >= broker.room) throw new LeaseholdError('audit_unavailable');
        records.push(event);
      },
      mayRecord: () => !broker.isOwing && records.length < broker.room,
      clock,
      log: silentLog,
    });
    return { broker, records, sessions: () => records.map(({ session }) => session), ...paying };
  };
  let beats = 0;
  /** The living ones beat; the others do not. */
  const pass = async (minutes: number, living: readonly string[]) => {
    for (let minute = 0; minute < minutes; minute += 1) {
      beats += 1;
      for (const name of living) meta.set(`replica_name/${name}`, claimOf(`lif_${name}`, beats));
      clock.advance(minuteMs);
      for (let turn = 0; turn < 30; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { meta, start, pass, failReplaceAt: (call: number) => void (failReplace = call) };
}

describe('records that are owed by a broker that is no more', () => {
  it('are written by another one, which says whose they are, and are owed no more', async () => {
    const { meta, start } = createWorld({ 'audit_owes/lif_a': debtOf('a', ['s1', 's2']) });
    const b = await start('b');
    expect(b.records).toEqual([
      { ...revoked('s1'), replica: 'a' },
      { ...revoked('s2'), replica: 'a' },
    ]);
    expect([...meta.keys()]).toEqual(['replica_name/b']);
    await b.stop();
  });

  it('are written by the next life of the same broker', async () => {
    const { meta, start } = createWorld({
      'audit_owes/lif_before': debtOf('a', ['s1']),
      'audit_owed/a': JSON.stringify({ events: [revoked('s0')], lost: 2 }),
    });
    const a = await start('a');
    expect(a.records).toEqual([
      revoked('s1'),
      revoked('s0'),
      { action: 'missed', outcome: 'failed', actor: 'broker', count: 2 },
    ]);
    expect([...meta.keys()]).toEqual(['replica_name/a']);
    await a.stop();
  });

  it('are left to it while it lives, and taken when it was not heard of for minutes', async () => {
    const { meta, start, pass } = createWorld({
      'replica_name/a': claimOf('lif_a'),
      'audit_owes/lif_a': debtOf('a', ['s1']),
      'replica_name/old': claimOf('lif_old'),
      'audit_owed/old': JSON.stringify({ events: [revoked('s2')], lost: 0 }),
    });
    const b = await start('b');
    await pass(20, ['a', 'b', 'old']);
    expect(b.records).toEqual([]);
    await pass(4, ['b']);
    expect(b.records).toEqual([]);
    await pass(2, ['b']);
    expect(b.sessions()).toEqual(['s1', 's2']);
    expect([...meta.keys()]).toEqual(['replica_name/b']);
    await b.stop();
  });

  it('are taken at once where another life has the name', async () => {
    const { start } = createWorld({
      'replica_name/a': claimOf('lif_next'),
      'audit_owes/lif_a': debtOf('a', ['s1']),
    });
    const b = await start('b');
    expect(b.sessions()).toEqual(['s1']);
    await b.stop();
  });

  it('are written once where several look at the same time', async () => {
    const facts = Object.fromEntries(
      ['v', 'w', 'x', 'y', 'z'].map((name) => [`audit_owes/lif_${name}`, debtOf(name, [`s-${name}`])]),
    );
    const { meta, start } = createWorld(facts);
    const brokers = await Promise.all([start('b'), start('c'), start('d')]);
    expect(brokers.flatMap((one) => one.sessions()).sort()).toEqual(['s-v', 's-w', 's-x', 's-y', 's-z']);
    expect([...meta.keys()].sort()).toEqual(['replica_name/b', 'replica_name/c', 'replica_name/d']);
    for (const one of brokers) await one.stop();
  });

  it('wait for a log that takes them, and what one log took is not in another', async () => {
    const { meta, start, pass } = createWorld({ 'audit_owes/lif_a': debtOf('a', ['s1', 's2', 's3']) });
    const b = await start('b', { room: 0 });
    expect(meta.get('audit_owes/lif_a')).toBe(debtOf('a', ['s1', 's2', 's3']));
    b.broker.room = 1;
    await pass(1, ['b']);
    expect(meta.get('audit_owes/lif_a')).toBe(debtOf('a', ['s2', 's3']));
    const c = await start('c');
    expect([b.sessions(), c.sessions()]).toEqual([['s1'], ['s2', 's3']]);
    await b.stop();
    await c.stop();
  });

  it('come after what a broker owes itself', async () => {
    const { meta, start, pass } = createWorld({});
    const b = await start('b');
    b.broker.isOwing = true;
    meta.set('audit_owes/lif_a', debtOf('a', ['s1']));
    await pass(2, ['b']);
    expect(b.records).toEqual([]);
    b.broker.isOwing = false;
    await pass(1, ['b']);
    expect(b.sessions()).toEqual(['s1']);
    await b.stop();
  });

  it('are taken over from a payer that died, and from no other', async () => {
    const payer = { replica: 'p', life: 'lif_p' };
    const { start, pass } = createWorld({
      'audit_owes/lif_a': debtOf('a', ['s1'], payer),
      'replica_name/p': claimOf('lif_p'),
    });
    const b = await start('b');
    await pass(10, ['b', 'p']);
    expect(b.records).toEqual([]);
    await pass(6, ['b']);
    expect(b.sessions()).toEqual(['s1']);
    await b.stop();
  });

  it('are not written twice when the ledger could not be told', async () => {
    const { meta, start, pass, failReplaceAt } = createWorld({ 'audit_owes/lif_a': debtOf('a', ['s1']) });
    failReplaceAt(2);
    const b = await start('b');
    expect(b.sessions()).toEqual(['s1']);
    expect(meta.has('audit_owes/lif_a')).toBe(true);
    await pass(2, ['b']);
    expect(b.sessions()).toEqual(['s1']);
    expect(meta.has('audit_owes/lif_a')).toBe(false);
    await b.stop();
  });

  it('are told as missed where they cannot be read, and left alone where nobody can tell whose they are', async () => {
    const { meta, start } = createWorld({
      'audit_owes/lif_a': '{"replica":"a","events":[{"action":"of another version"}],"lost":0}',
      'audit_owes/lif_x': 'not JSON',
      'audit_owed/c': 'not JSON',
      'audit_owed/d': '{"events":[],"lost":0}',
      'replica_name/d': claimOf(''),
    });
    const b = await start('b');
    const missed = { action: 'missed', outcome: 'failed', actor: 'broker', count: 1 };
    expect(b.records).toEqual([
      { ...missed, replica: 'a' },
      { ...missed, replica: 'c' },
    ]);
    expect([...meta.keys()].sort()).toEqual(['audit_owes/lif_x', 'replica_name/b']);
    await b.stop();
  });
});
