import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../../src/audit/audit.ts';
import { createEndRecords } from '../../../src/lease/end-records.ts';
import { createLeaseEvents } from '../../../src/lease/events.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { openSqliteLedger } from '../../../src/ledger/sqlite/sqlite-ledger.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { aStaticSession, start } from '../../contract/ledger/ledger-world.ts';
import { createTempFolder } from '../../support/temp-folder.ts';

let ledger: Ledger;
let close: () => Promise<void>;
let records: AuditEvent[];
/** Sessions that the ledger fails to read. */
let unread: Set<string>;
let recording: Promise<void>;
let owed: number;

beforeEach(async () => {
  const folder = await createTempFolder({ name: 'ends-of-others' });
  ledger = await openSqliteLedger({ file: `${folder.path}/ledger.sqlite`, log: silentLog });
  close = async () => {
    await ledger[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  };
  [records, unread, recording, owed] = [[], new Set(), Promise.resolve(), 0];
});
afterEach(() => close());

const create = () =>
  createEndRecords({
    ledger: new Proxy(ledger, {
      get: (target, key) =>
        key === 'findSession'
          ? (id: string) =>
              unread.has(id)
                ? Promise.reject(new LeaseholdError('ledger_unavailable'))
                : target.findSession(id)
          : (Reflect.get(target, key) as unknown),
    }),
    audit: {
      record: () => Promise.reject(new Error('it goes on without')),
      recordAnyway: async (event) => {
        records.push(event);
        await recording;
        return true;
      },
      recordStranger: () => Promise.resolve(),
      hmac: () => '',
      owed: () => owed,
      hasRoom: () => true,
      takesRecords: () => true,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
    events: createLeaseEvents(),
    replica: 'rep_here',
    log: silentLog,
  });
/** Ended by a broker that has died since. */
const endOfOther = async (workload: string) => {
  const { session } = await ledger.beginSession(aStaticSession({ workload }));
  const end = { reason: 'admin', note: '', by: 'admin:a' } as const;
  const unrecorded = { id: `end_${workload}`, replica: 'rep_dead' };
  await ledger.beginRevoke({ session: session.id, end, tombstone: false, unrecorded, at: start });
  return session.id;
};
const recorded = () => records.map(({ session }) => session);

describe('what another broker has left', () => {
  it('is recorded once where it is looked for twice at the same time', async () => {
    const session = await endOfOther('pod/a/u1');
    const written = Promise.withResolvers<undefined>();
    recording = written.promise;
    const ends = create();
    const first = ends.recordOthers();
    await expect.poll(recorded).toEqual([session]);
    const second = ends.recordOthers();
    // As long as it takes to be asked about again.
    await ledger.findSession(session);
    written.resolve(undefined);
    await Promise.all([first, second]);
    expect(recorded()).toEqual([session]);
  });

  it('is recorded once beside one that cannot be read, which keeps no other', async () => {
    const [good, bad] = [await endOfOther('pod/a/u1'), await endOfOther('pod/a/u2')];
    unread.add(bad);
    const ends = create();
    await expect(ends.recordOthers()).rejects.toMatchObject({ code: 'ledger_unavailable' });
    const later = await endOfOther('pod/a/u3');
    await expect(ends.recordOthers()).rejects.toMatchObject({ code: 'ledger_unavailable' });
    expect(recorded()).toEqual([good, later]);
    unread.clear();
    await ends.recordOthers();
    expect(recorded()).toEqual([good, later, bad]);
    await ends.settle();
    expect(await ledger.takeUnrecordedEnds({ replica: 'rep_next', limit: 10 })).toEqual([]);
  });

  it('stays in the ledger while the log owes anything: what is owed beyond a bound is only counted', async () => {
    const session = await endOfOther('pod/a/u1');
    const ends = create();
    owed = 1;
    await ends.recordOthers();
    expect(recorded()).toEqual([]);
    // For another broker, whose log may take it.
    const taken = await ledger.takeUnrecordedEnds({ replica: 'rep_next', limit: 10 });
    expect(taken).toMatchObject([{ session }]);
    owed = 0;
    await ends.recordOthers();
    expect(recorded()).toEqual([session]);
  });
});
