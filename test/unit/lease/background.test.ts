import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createWorld } from './world.ts';

it('a broker that goes down leaves the rest of what is to be pruned for another time', async () => {
  await using world = await createWorld();
  let prunings = 0;
  world.setAround(async ({ method }, proceed) => {
    if (method !== 'prune') return proceed();
    prunings += 1;
    await setImmediate();
    return 500;
  });
  await world.pass(4_000_000);
  expect(prunings).toBeGreaterThan(1);
  await world.leave(0);
  const before = prunings;
  await world.settle();
  expect(prunings).toBe(before);
});
