import { describe, expect, it } from 'vitest';
import { createPathSlots } from '../../../src/lease/path-slots.ts';
import { createManualClock } from '../backend/manual-clock.ts';

const path = 'database/creds/app';

/** Eight slots: half of them for one path, and two may wait for one of those. */
const aPath = () => {
  const clock = createManualClock();
  const slots = createPathSlots({ clock, slots: 8, random: () => 0 });
  const left: number[] = [];
  return {
    clock,
    slots,
    left,
    enter: () => slots.enter('revoke', path),
    /** Notes when it may go on. */
    wait: (name: number) => slots.line('revoke', path).then(() => void left.push(name)),
  };
};
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('the line for a slot of a path', () => {
  it('is empty while there is room, and for other work', async () => {
    const { slots, enter } = aPath();
    for (let entered = 0; entered < 4; entered += 1) {
      await slots.line('revoke', path);
      enter();
    }
    await slots.line('renew', path);
    await slots.line('revoke', 'database/creds/other');
    expect(slots.pause('revoke', path)).toBe(500);
  });

  it('gives each slot that gets free to the first who waits', async () => {
    const { slots, enter, wait, left } = aPath();
    const leaves = [enter(), enter(), enter(), enter()];
    const waiting = [wait(1), wait(2)];
    await turn();
    expect(left).toEqual([]);
    leaves[0]?.();
    await waiting[0];
    expect(left).toEqual([1]);
    expect(slots.pause('revoke', path)).toBeUndefined();
    leaves[1]?.();
    await waiting[1];
    expect(left).toEqual([1, 2]);
  });

  it('is left after half a second, and not begun where it is long', async () => {
    const { clock, slots, enter, wait, left } = aPath();
    for (let entered = 0; entered < 4; entered += 1) enter();
    const waiting = [wait(1), wait(2)];
    await wait(3);
    expect(left).toEqual([3]);
    clock.advance(499);
    await turn();
    expect(left).toEqual([3]);
    clock.advance(1);
    await Promise.all(waiting);
    expect(left).toEqual([3, 1, 2]);
    expect(slots.pause('revoke', path)).toBe(500);
  });

  it('is not begun where requests hang', async () => {
    const { clock, slots, enter, wait, left } = aPath();
    for (let entered = 0; entered < 4; entered += 1) enter();
    clock.advance(3_000);
    await wait(1);
    expect(left).toEqual([1]);
    expect(slots.pause('revoke', path)).toBe(5_000);
  });
});
