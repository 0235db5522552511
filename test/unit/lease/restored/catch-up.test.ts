import { describe, expect, it } from 'vitest';
import { type AuditEvent, auditActions } from '../../../../src/audit/audit.ts';
import { encodeRecord, noHash, parseRecordText, type ReadRecord } from '../../../../src/audit/record.ts';
import { catchUp, countOf, lackingOf } from '../../../../src/lease/restored/catch-up.ts';
import { toldSince } from '../../../../src/lease/restored/told-since.ts';
import { openSqliteLedger } from '../../../../src/ledger/sqlite/sqlite-ledger.ts';
import { canaryWorkload } from '../../../../src/platform/canary-workload.ts';
import { silentLog } from '../../../../src/platform/log.ts';
import { aRunIdentity } from '../../../contract/ledger/runs-contract.ts';
import { createTempFolder } from '../../../support/temp-folder.ts';

const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern);
const start = Date.parse('2026-03-01T12:00:00.000Z');
const [workload, bundle, by] = ['pod/a/u1', 'db', 'admin:eve'];
type Told = AuditEvent & { readonly afterMs?: number };

async function* recordsOf(events: readonly Told[]): AsyncGenerator<ReadRecord> {
  for (const [index, { afterMs = index, ...event }] of events.entries()) {
    const at = new Date(start + afterMs).toISOString();
    const record = parseRecordText(encodeRecord({ chain: 'aud_1', seq: index + 1, at, prev: noHash }, event));
    if (record !== undefined) yield record;
  }
}

const told = (...events: readonly Told[]) => toldSince(recordsOf(events));

const revoked: AuditEvent = {
  action: 'revoke',
  outcome: 'ok',
  actor: by,
  session: 'ses_1',
  workload,
  bundle,
  reason: 'admin: stolen: twice',
};
const lifted: AuditEvent = {
  action: 'tombstone_lift',
  outcome: 'ok',
  actor: by,
  workload,
  bundle,
  reason: 'ok',
};
const locked: AuditEvent = {
  action: 'lock_add',
  outcome: 'ok',
  actor: by,
  lock: 'loc_1',
  selector: '{"namespace":"ml"}',
  reason: 'incident',
};
const without = (event: AuditEvent, key: keyof AuditEvent): AuditEvent => ({ ...event, [key]: undefined });

describe('what records say that a ledger may lack', () => {
  it.each([
    ['a lock without its selector', without(locked, 'selector')],
    ['a lock without its id', without(locked, 'lock')],
    ['a selector that was cut', { ...locked, selector: '{"namespace":"m…' }],
    ['a selector of another version', { ...locked, selector: '{"galaxy":"m31"}' }],
    ['a selector that selects nothing', { ...locked, selector: '{}' }],
    ['a session without its workload', without(revoked, 'workload')],
    ['a session that ended for a reason of another version', { ...revoked, reason: 'bored: very' }],
    ['a lock that was removed without its id', { action: 'lock_remove', outcome: 'ok' } as const],
    ['a lift without its bundle', without(lifted, 'bundle')],
  ])('is refused by name where it is not clear: %s', async (_what, event) => {
    await expect(told({ action: 'start', outcome: 'ok' }, event)).rejects.toMatchObject({
      code: 'audit_unavailable',
      detail: matching(new RegExp(`whose record 2 \\(${event.action}\\) does not say what to do`)),
    });
  });

  it('is nothing where it was refused, or only wished for', async () => {
    const wish = { ...without(revoked, 'session'), selector: '{"all":true}', count: 1 };
    const { locks, holds, ends } = await told(
      wish,
      { ...revoked, outcome: 'failed' },
      { ...locked, outcome: 'refused' },
    );
    expect([locks, holds, [...ends]]).toEqual([[], [], []]);
  });

  it('is nothing of what other actions say', async () => {
    const others = auditActions.filter(
      (action) => !['revoke', 'lock_add', 'lock_remove', 'tombstone_lift', 'run_end'].includes(action),
    );
    const { locks, holds, ends, endedRuns } = await told(...others.map((action) => ({ ...revoked, action })));
    expect([locks, holds, [...ends], [...endedRuns]]).toEqual([[], [], [], []]);
  });

  it('is the first reason for a session and the last word for a hold', async () => {
    const ended = { ...revoked, reason: 'released', actor: 'broker' };
    const told1 = await told(ended, revoked, lifted, { ...revoked, afterMs: 9_000 });
    expect([...told1.ends]).toEqual([['ses_1', { reason: 'released', note: '', by: 'broker' }]]);
    expect(told1.holds).toEqual([
      {
        kind: 'tombstone',
        tombstone: { workload, bundle, reason: 'stolen: twice', by, createdAt: start + 9_000 },
      },
    ]);
    expect((await told(revoked, lifted)).holds).toEqual([{ kind: 'lift', workload, bundle, at: start + 1 }]);
  });

  it('is the end of a canary, without a tombstone, and the instant at which something happened that was owed', async () => {
    const canary = { ...revoked, workload: canaryWorkload('database/creds/app') };
    expect((await told(canary)).holds).toEqual([]);
    expect((await told(canary)).ends.size).toBe(1);
    const happenedAt = new Date(start - 60_000).toISOString();
    expect((await told({ ...locked, happenedAt })).locks).toMatchObject([{ createdAt: start - 60_000 }]);
  });
});

describe('a ledger that catches up', () => {
  async function withLedger(): Promise<
    AsyncDisposable & {
      readonly ledger: Awaited<ReturnType<typeof openSqliteLedger>>;
      apply(...events: readonly Told[]): Promise<number>;
    }
  > {
    await using building = new AsyncDisposableStack();
    const folder = building.use(await createTempFolder({ name: 'catch-up' }));
    const ledger = building.use(await openSqliteLedger({ file: `${folder.path}/ledger`, log: silentLog }));
    const owned = building.move();
    return {
      ledger,
      apply: async (...events) => {
        const lacking = await lackingOf(ledger, await told(...events));
        await catchUp({ ledger, lacking, at: start, log: silentLog });
        return countOf(lacking);
      },
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  }

  it('lacks nothing the second time', async () => {
    await using world = await withLedger();
    expect(await world.apply(revoked, locked)).toBe(2);
    expect(await world.apply(revoked, locked)).toBe(0);
    const unlocked = { action: 'lock_remove', outcome: 'ok', lock: 'loc_1' } as const;
    expect(await world.apply(revoked, locked, unlocked, lifted)).toBe(2);
    expect(await world.apply(revoked, locked, unlocked, lifted)).toBe(0);
    expect([await world.ledger.listLocks(), await world.ledger.listTombstones()]).toEqual([[], []]);
  });

  it('keeps what one broker revoked after another had lifted it, whichever comes first', async () => {
    await using world = await withLedger();
    const old = { workload, bundle, reason: 'old', by, createdAt: start - 86_400_000 };
    const [lift, again] = [
      { ...lifted, afterMs: 0 },
      { ...revoked, afterMs: 3_600_000 },
    ];
    for (const brokers of [[lift, again] as const, [again, lift] as const]) {
      await world.ledger.liftTombstone(workload, bundle);
      await world.ledger.addTombstone(old);
      for (const event of brokers) await world.apply(event);
      expect(await world.ledger.listTombstones()).toMatchObject([{ createdAt: start + 3_600_000 }]);
    }
  });

  it('does not find two instants of one revocation to be two', async () => {
    await using world = await withLedger();
    // By the backend's clock, which need not be the broker's.
    await world.ledger.addTombstone({ workload, bundle, reason: 'stolen', by, createdAt: start - 2_000 });
    expect(await world.apply(revoked)).toBe(0);
  });

  it('misses no node of a run that it knows: which of them came since the copy is not known', async () => {
    await using world = await withLedger();
    const identity = aRunIdentity({ nodes: ['n1', 'n2'] });
    const run = { identity, restarts: 0, sluid: undefined, endsAt: undefined, bundles: ['db'] };
    await world.ledger.registerRun({ run, awaited: true, at: start });
    const isAwaited = async () => {
      const said = { running: [identity.workload], others: [], silenceMs: 1, waitMs: 0, at: start };
      return (await world.ledger.seeRunning(said)).length > 0;
    };
    expect(await world.apply()).toBe(0);
    expect(await isAwaited()).toBe(true);
    await world.apply(locked);
    expect(await isAwaited()).toBe(false);
  });
});
