import { expect, it } from 'vitest';
import { createBundleHold } from '../../../sidecar/bundle-hold.ts';
import { createCounters } from '../../../sidecar/counters.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';

// A node removes the run's whole folder then; a second removal of the bundle's would make it anew, for nobody to find.
it('given up, a bundle touches no file for what the end of its stream still says', async () => {
  let wipes = 0;
  await using hold = createBundleHold({
    config: { name: 'db', folder: 'db', files: undefined, notify: { kind: 'none' }, requireAck: false },
    deliverer: {
      recover: async () => undefined,
      deliver: () => Promise.reject(new Error('there is nothing to deliver')),
      wipe: async () => void (wipes += 1),
    },
    clock: systemClock,
    random: () => 0,
    newRequestKey: () => 'req_1',
    log: silentLog,
    counters: createCounters(),
    staticOnly: false,
    onChange: () => undefined,
    onDelivered: () => undefined,
    onImpossible: () => undefined,
  });
  hold.attach({ send: () => undefined, fail: () => undefined });
  await hold.giveUp();
  expect(wipes).toBe(1);
  hold.workloadGone('workload_ended');
  hold.onEvent({ kind: 'refused', bundle: 'db', code: 'workload_ended', retryAfterMs: 0 });
  // Whatever was put in line has been done when this is.
  await hold.giveUp();
  expect(wipes).toBe(1);
});
