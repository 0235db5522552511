import { expect, it } from 'vitest';
import { createCounters } from '../../../sidecar/counters.ts';
import { createHoldLoop } from '../../../sidecar/hold.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { aProof } from './a-proof.ts';
import { createFastClock } from './fast-clock.ts';

const addresses = ['b1:1', 'b2:1', 'b3:1', 'b4:1'];

/** The addresses that a sidecar dials while nobody answers. */
async function dialled(random: () => number, count: number): Promise<readonly string[]> {
  const seen: string[] = [];
  const enough = Promise.withResolvers<undefined>();
  const loop = createHoldLoop({
    addresses,
    serverName: undefined,
    prove: aProof,
    agent: 'test',
    bundles: [],
    dial: ({ endpoint }) => {
      seen.push(endpoint.address);
      if (seen.length === count) enough.resolve(undefined);
      return Promise.reject(new LeaseholdError('broker_unavailable'));
    },
    clock: createFastClock(1_000),
    random,
    log: silentLog,
    counters: createCounters(),
  });
  const running = loop.run();
  await enough.promise;
  await loop.stop();
  await running;
  return seen.slice(0, count);
}

it('tries every broker in turn, in an order of its own, so that one that dies does not send all to the same', async () => {
  const after = new Set<string>();
  for (const random of [0.01, 0.3, 0.6, 0.9]) {
    const order = await dialled(() => random, 8);
    expect(order.slice(0, 4).toSorted()).toEqual(addresses);
    expect(order.slice(4)).toEqual(order.slice(0, 4));
    after.add(order[(order.indexOf('b1:1') + 1) % 4] ?? '');
  }
  expect(after.size).toBeGreaterThan(1);
});
