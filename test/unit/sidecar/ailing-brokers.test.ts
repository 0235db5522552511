import { expect, it } from 'vitest';
import { createAilingBrokers } from '../../../sidecar/ailing-brokers.ts';
import type { Clock } from '../../../src/platform/clock.ts';

it('a broker that let somebody wait ails for a minute, or until it welcomes anybody', () => {
  let passed = 0;
  const clock: Clock = {
    now: () => 0,
    monotonic: () => passed,
    sleep: () => Promise.reject(new Error('nobody sleeps')),
    after: () => () => undefined,
  };
  const ailing = createAilingBrokers({ clock });
  const are = () => ['a:1', 'b:1'].map((address) => ailing.isAiling(address));
  expect(are()).toEqual([false, false]);
  ailing.note('a:1', false);
  passed = 59_999;
  expect(are()).toEqual([true, false]);
  passed = 60_000;
  expect(are()).toEqual([false, false]);
  ailing.note('b:1', false);
  expect(are()).toEqual([false, true]);
  ailing.note('b:1', true);
  expect(are()).toEqual([false, false]);
});
