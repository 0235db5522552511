import { createCounters } from '../../../../sidecar/counters.ts';
import { createNodeRun, type NodeRun } from '../../../../sidecar/node/node-run.ts';
import type { RunRecord } from '../../../../sidecar/node/run-record.ts';
import type { RunStore } from '../../../../sidecar/node/run-store.ts';
import { silentLog } from '../../../../src/platform/log.ts';
import { dialHold } from '../../../../src/rpc/client/hold-client.ts';
import { createFastClock } from '../fast-clock.ts';
import type { FakeBroker } from '../fake-broker.ts';

const subject = {
  job: 7,
  uid: 12_345,
  gid: 12_346,
  restarts: 0,
  start: undefined,
  sluid: undefined,
  het: undefined,
};

/** Of job 7, at a fast clock. */
export function startNodeRun(broker: FakeBroker, store: RunStore, record?: RunRecord): NodeRun {
  return createNodeRun({
    subject,
    ...(record === undefined ? {} : { record }),
    store,
    addresses: [broker.address],
    serverName: undefined,
    prove: async (reference) => ({
      credential: reference(),
      endpoint: { ca: Buffer.from(broker.ca) },
      keep: () => ({ expiresAt: () => undefined, sendNow: () => undefined, close: () => undefined }),
    }),
    agent: 'test/1',
    dial: dialHold,
    clock: createFastClock(20),
    random: () => 0.5,
    log: silentLog,
    counters: createCounters(),
    notifyRun: undefined,
    tellUndelivered: () => Promise.resolve(false),
    allowDisk: false,
    onUnreachable: () => undefined,
    onEnded: () => undefined,
  });
}
