import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { AuditEvent } from '../../../src/audit/audit.ts';
import type { RunRegistry } from '../../../src/lease/runs/run-registry.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { openSqliteLedger } from '../../../src/ledger/sqlite/sqlite-ledger.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { aRunIdentity } from '../../contract/ledger/runs-contract.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { createManualClock, type ManualClock } from '../backend/manual-clock.ts';
import { aRunRegistry } from './a-run-registry.ts';
import { recordingAudit, type RecordingAudit } from '../rpc/server-world.ts';

const many = 300;
const never = new AbortController().signal;
const lateMs = 3_600_000;

let clock: ManualClock;
let ledger: Ledger;
let audit: RecordingAudit;
/** Runs around each end that reaches the ledger, and each end that is moved. */
let around: <T>(change: () => Promise<T>) => Promise<T>;

/** The most that ran at the same time, from now on. */
const countAtOnce = () => {
  const seen = { most: 0 };
  let running = 0;
  around = async (change) => {
    running += 1;
    seen.most = Math.max(seen.most, running);
    try {
      return await change();
    } finally {
      running -= 1;
    }
  };
  return seen;
};
const expectSome = ({ most }: { readonly most: number }) => {
  expect(most).toBeGreaterThan(8);
  expect(most).toBeLessThanOrEqual(64);
};

beforeEach(async () => {
  const folder = await createTempFolder({ name: 'run-reports' });
  const stored = await openSqliteLedger({ file: join(folder.path, 'ledger.sqlite'), log: silentLog });
  onTestFinished(async () => {
    await stored[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });
  clock = createManualClock();
  around = (change) => change();
  ledger = {
    ...stored,
    endRun: (input) => around(() => stored.endRun(input)),
    setRunEnd: (input) => around(() => stored.setRunEnd(input)),
  };
  audit = recordingAudit();
  for (let jobId = 1; jobId <= many; jobId += 1)
    await ledger.registerRun({
      run: {
        identity: aRunIdentity({ jobId }),
        restarts: 0,
        sluid: undefined,
        endsAt: undefined,
        bundles: ['db'],
      },
      at: clock.now(),
    });
  clock.advance(lateMs);
});

/** One broker's. */
const begin = (): RunRegistry => {
  const registry = aRunRegistry({ ledger, audit, clock });
  onTestFinished(() => registry[Symbol.asyncDispose]());
  return registry;
};
/** That the scheduler has none of them any more. */
const reportNothing = (registry: RunRegistry, signal = never) =>
  registry.report({ cluster: 'hpc', runs: [], asOf: clock.now(), signal });
const left = async () => (await ledger.listRuns({ cluster: 'hpc' })).length;
const ends = (): readonly AuditEvent[] => audit.records.filter(({ action }) => action === 'run_end');
const endedWorkloads = () => ends().map(({ workload }) => workload);
const expectEachRecordedOnce = () => {
  expect(endedWorkloads()).toHaveLength(many);
  expect(new Set(endedWorkloads()).size).toBe(many);
};

describe('a report by which very many runs have ended', () => {
  it('ends no more of them once its caller has gone, and the next one finds what is left', async () => {
    const registry = begin();
    const caller = new AbortController();
    around = async (end) => {
      const ended = await end();
      caller.abort();
      return ended;
    };
    await expect(reportNothing(registry, caller.signal)).rejects.toMatchObject({ code: 'cancelled' });
    const before = many - (await left());
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(many);
    // What was begun is done, record and all, before the next one may begin.
    expect(ends()).toHaveLength(before);
    around = (end) => end();
    expect(await reportNothing(registry)).toMatchObject({ ended: many - before });
    expect(await left()).toBe(0);
    expectEachRecordedOnce();
  });

  it('of a caller that has gone already ends none', async () => {
    const registry = begin();
    await expect(reportNothing(registry, AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
    expect(await left()).toBe(many);
    expect(ends()).toEqual([]);
  });

  it('ends some at a time, side by side', async () => {
    const registry = begin();
    const seen = countAtOnce();
    expect(await reportNothing(registry)).toMatchObject({ ended: many });
    expectSome(seen);
    expectEachRecordedOnce();
  });

  it('comes to two brokers at once, and each run ends once, with one record', async () => {
    const answers = await Promise.all([reportNothing(begin()), reportNothing(begin())]);
    expect(answers.reduce((sum, { ended }) => sum + ended, 0)).toBe(many);
    expect(await left()).toBe(0);
    expectEachRecordedOnce();
  });

  it('fails with the ledger, and stops there: the next one finds what is left', async () => {
    const registry = begin();
    let asked = 0;
    around = (end) => {
      asked += 1;
      return asked === 10 ? Promise.reject(new LeaseholdError('ledger_unavailable')) : end();
    };
    await expect(reportNothing(registry)).rejects.toMatchObject({ code: 'ledger_unavailable' });
    expect(asked).toBeLessThan(many);
    const before = many - (await left());
    around = (end) => end();
    expect(await reportNothing(registry)).toMatchObject({ ended: many - before });
    expectEachRecordedOnce();
  });
});

it('a later end of very many runs is noted for some at a time, and for none of a caller that has gone', async () => {
  const registry = begin();
  const seen = countAtOnce();
  const { start } = aRunIdentity();
  const runs = Array.from({ length: many }, (_, index) => ({
    jobId: index + 1,
    start,
    endsAt: 1,
    submitted: undefined,
    restarts: 0,
    nodes: 0,
  }));
  const report = { cluster: 'hpc', runs, asOf: clock.now() };
  const moved = async () => (await ledger.listRuns()).filter(({ endsAt }) => endsAt === 1).length;
  await expect(registry.report({ ...report, signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: 'cancelled',
  });
  expect(await moved()).toBe(0);
  expect(await registry.report({ ...report, signal: never })).toMatchObject({ ended: 0 });
  expect(await moved()).toBe(many);
  expectSome(seen);
});
