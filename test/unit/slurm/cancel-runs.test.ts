import { expect, it } from 'vitest';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { silentLog } from '../../../src/platform/log.ts';
import type { BrokerClient } from '../../../src/slurm/broker-client.ts';
import { createCancelRuns } from '../../../src/slurm/cancel-runs.ts';
import type { ScheduledRun, Scheduler } from '../../../src/slurm/scheduler.ts';

const start = 1_700_000_000;
const row = (more: Partial<ScheduledRun> = {}): ScheduledRun => ({
  jobId: 12,
  uid: 5,
  start,
  endsAt: 0,
  submitted: start - 10,
  restarts: 0,
  isStarting: true,
  canBeHeld: true,
  name: '12',
  state: 'RUNNING',
  nodes: 1,
  qos: '',
  ...more,
});
const named = (jobId = 12) => ({ run: { jobId, start }, restarts: 0 });
const unexpected = () => Promise.reject(new Error('nobody asks for this'));

/** A controller and a broker that write down what they are told. */
function createParts(rows: readonly ScheduledRun[]) {
  const told: string[] = [];
  const trouble = { controller: false, putBack: false, broker: undefined as LeaseholdError | undefined };
  const away = () => new LeaseholdError('workload_stale');
  const scheduler: Scheduler = {
    runs: unexpected,
    run: (jobId) =>
      trouble.controller ? Promise.reject(away()) : Promise.resolve(rows.find((one) => one.jobId === jobId)),
    settings: unexpected,
    hold: unexpected,
    held: unexpected,
    release: unexpected,
    disown: unexpected,
    cancel: unexpected,
    cancelRun: ({ name, state }, why) => {
      told.push(`scancel ${name} ${state ?? ''}: ${why}`);
      return Promise.resolve(!trouble.putBack);
    },
  };
  const broker: BrokerClient = {
    filesId: '',
    register: unexpected,
    report: unexpected,
    matchers: unexpected,
    end: ({ run, cancelled }) => {
      if (trouble.broker !== undefined) return Promise.reject(trouble.broker);
      told.push(`end ${String(run?.jobId)} ${String(run?.start)}${cancelled === true ? ' cancelled' : ''}`);
      return Promise.resolve({ known: true });
    },
    [Symbol.dispose]: () => undefined,
  };
  const { signal } = new AbortController();
  const cancel = createCancelRuns({ scheduler, broker: () => broker, log: silentLog, signal });
  return { told, trouble, cancel };
}

const why = 'cancelled, as a node could not be given the credentials of this job';
const scancelled = (name = '12', state = 'RUNNING') => `scancel ${name} ${state}: ${why}`;
const said = (jobId = 12) => `end ${jobId} ${start} cancelled`;

it.each<[string, readonly ScheduledRun[]]>([
  ['is gone', []],
  ['was put back and runs again', [row({ start: start + 50, submitted: start + 20, restarts: 1 })]],
  ['was put back within the second', [row({ start: start + 1, submitted: start, restarts: 1 })]],
  ['is another one with its id', [row({ start: start + 90, submitted: start + 90 })]],
  ['is an older one', [row({ start: start - 5, submitted: start - 90 })]],
  ['has no submission to compare', [row({ start: start + 5, submitted: 0 })]],
  ['is ending, being set up, or put back now', [row({ state: undefined })]],
])('a run whose job %s is left alone', async (_how, rows) => {
  const { told, cancel } = createParts(rows);
  await cancel([named(), { run: null, restarts: 0 }]);
  expect(told).toEqual([]);
});

it.each<[string, ScheduledRun, string]>([
  ['that runs', row(), scancelled()],
  ['that is suspended', row({ state: 'SUSPENDED' }), scancelled('12', 'SUSPENDED')],
  ['whose nodes had to boot first', row({ start: start + 60 }), scancelled()],
  ['of an array', row({ name: '10_3' }), scancelled('10_3')],
])('a run %s is cancelled, and the broker is told', async (_how, found, call) => {
  const { told, cancel } = createParts([found]);
  await cancel([named()]);
  expect(told).toEqual([call, said()]);
});

it('is not told of when it was put back between the look and the command', async () => {
  const { told, trouble, cancel } = createParts([row()]);
  trouble.putBack = true;
  await cancel([named()]);
  expect(told).toEqual([scancelled()]);
});

it('is tried again while the controller is away, and keeps no other', async () => {
  const { told, trouble, cancel } = createParts([row(), row({ jobId: 13, name: '13' })]);
  trouble.controller = true;
  await cancel([named(), named(13)]);
  expect(told).toEqual([]);
  trouble.controller = false;
  await cancel([named(), named(13)]);
  expect(told).toEqual([scancelled(), scancelled('13'), said(), said(13)]);
});

it('is told when the broker is back, though it names the run no more; not again after that', async () => {
  const { told, trouble, cancel } = createParts([row()]);
  trouble.broker = new LeaseholdError('broker_unavailable');
  await cancel([named()]);
  expect(told).toEqual([scancelled()]);
  trouble.broker = undefined;
  await cancel([]);
  await cancel([]);
  expect(told).toEqual([scancelled(), said()]);
});

it('is not told for ever where the broker wants to hear nothing of it', async () => {
  const { told, trouble, cancel } = createParts([row()]);
  trouble.broker = new LeaseholdError('request_invalid');
  await cancel([named()]);
  trouble.broker = undefined;
  await cancel([]);
  expect(told).toEqual([scancelled()]);
});
