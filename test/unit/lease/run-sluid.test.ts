import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { RunRegistry } from '../../../src/lease/runs/run-registry.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { openSqliteLedger } from '../../../src/ledger/sqlite/sqlite-ledger.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { aRunIdentity } from '../../contract/ledger/runs-contract.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { createManualClock } from '../backend/manual-clock.ts';
import { aRunRegistry } from './a-run-registry.ts';
import { recordingAudit, type RecordingAudit } from '../rpc/server-world.ts';

const [registered, earlier, later] = ['s5WCZ2JGZ0A101', 's5WCZ2JGZ0A100', 's5WCZ2JGZ0A102'];
const identity = aRunIdentity();
const { workload, jobId, start } = identity;

let ledger: Ledger;
let audit: RecordingAudit;
let registry: RunRegistry;

beforeEach(async () => {
  const folder = await createTempFolder({ name: 'run-sluid' });
  ledger = await openSqliteLedger({ file: join(folder.path, 'ledger.sqlite'), log: silentLog });
  audit = recordingAudit();
  const clock = createManualClock();
  registry = aRunRegistry({ ledger, audit, clock });
  onTestFinished(async () => {
    await registry[Symbol.asyncDispose]();
    await ledger[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });
});

const register = (sluid: string | undefined, restarts = 0) =>
  registry.register({
    assertion: { identity, restarts, sluid, endsAt: undefined, id: `hpc/${jobId}/${start}` },
    requested: [],
    prologsAtStart: true,
  });
/** As the hook of the controller says it. */
const end = (sluid: string | undefined) =>
  registry.end({ cluster: 'hpc', run: { jobId, start }, sluid, cancelled: false });
const state = async () => (await ledger.findRun(workload))?.state;
const records = () => audit.records.splice(0);

describe('a run with the job id and the start of a registered one, and another SLUID', () => {
  it.each([earlier, later])('is refused, on record, and the registered one stays (%s)', async (sluid) => {
    await register(registered);
    records();
    await expect(register(sluid, 3)).rejects.toMatchObject({ code: 'workload_ended' });
    const refused = { outcome: 'refused', code: 'workload_ended', actor: 'signer:hpc', workload };
    expect(records()).toMatchObject([{ action: 'run_register', ...refused, sluid, restarts: 3 }]);
    expect(await ledger.findRun(workload)).toMatchObject({ state: 'active', sluid: registered });
  });

  it('does not end the registered one, where its end comes late', async () => {
    await register(registered);
    records();
    await expect(end(earlier)).rejects.toMatchObject({ code: 'workload_ended' });
    expect(records()).toMatchObject([
      { action: 'run_end', outcome: 'refused', code: 'workload_ended', actor: 'signer:hpc', workload },
    ]);
    expect(await state()).toBe('active');
  });
});

it('what a registration says of itself is on record, the SLUID where there is one', async () => {
  await register(registered, 2);
  expect(records()).toMatchObject([
    { action: 'run_register', outcome: 'ok', sluid: registered, restarts: 2 },
  ]);
  // By its count alone it is no other run.
  await register(registered, 3);
  expect(records()).toMatchObject([{ action: 'run_register', outcome: 'ok', restarts: 3 }]);
  expect(await ledger.findRun(workload)).toMatchObject({ restarts: 2 });
  await register(undefined);
  const [record] = records();
  expect(record).toMatchObject({ restarts: 0 });
  expect(record).not.toHaveProperty('sluid');
});

it.each([registered, undefined])(
  'the same word again, or without the SLUID, is the same run (%s)',
  async (sluid) => {
    await register(registered);
    expect((await register(sluid)).run).toMatchObject({ state: 'active', sluid: registered });
  },
);

it.each([
  ['the same', registered, registered],
  ['a later one, as Slurm gives to a run that is resized', registered, later],
  ['none', registered, undefined],
  ['one, and it was registered without', undefined, later],
])('a run is ended by a word with %s', async (_what, known, sluid) => {
  await register(known);
  records();
  expect(await end(sluid)).toBe(true);
  expect(await state()).toBe('ending');
  expect(records()).toMatchObject([{ action: 'run_end', outcome: 'ok', workload }]);
});

it('an end of what is not registered is none, whatever SLUID it has', async () => {
  expect(await end(earlier)).toBe(false);
  expect(records()).toEqual([]);
});
