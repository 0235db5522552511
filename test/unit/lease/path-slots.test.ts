import { describe, expect, it } from 'vitest';
import { createPathSlots } from '../../../src/lease/path-slots.ts';
import { createManualClock } from '../backend/manual-clock.ts';

const path = 'database/creds/app';

/** Eight slots: half of them for one path, and two may wait for one of those before anything is known of its pace. */
const aPath = () => {
  const clock = createManualClock();
  const slack: string[] = [];
  const slots = createPathSlots({ clock, slots: 8, random: () => 0, onSlack: (at) => void slack.push(at) });
  const left: number[] = [];
  const enter = () => slots.enter('revoke', path);
  return {
    clock,
    slots,
    slack,
    left,
    enter,
    enterAll: () => [enter(), enter(), enter(), enter()],
    /** Notes when it may go on. */
    wait: (name: number) => slots.line(path).then(() => void left.push(name)),
    /** Requests that take so long, until that is the pace of the path. */
    pace: (ms: number) => {
      for (let served = 0; served < 100; served += 1) {
        const leave = enter();
        clock.advance(ms);
        leave();
      }
    },
  };
};
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('the line for a slot of a path', () => {
  it('is empty while there is room, and for other work', async () => {
    const { slots, enter } = aPath();
    for (let entered = 0; entered < 4; entered += 1) {
      await slots.line(path);
      enter();
    }
    expect(slots.pause('renew', path)).toBeUndefined();
    await slots.line('database/creds/other');
    expect(slots.pause('revoke', 'database/creds/other')).toBeUndefined();
    expect(slots.pause('revoke', path)).toBeGreaterThan(0);
  });

  it('gives each slot that gets free to the first who waits', async () => {
    const { slots, enterAll, wait, left } = aPath();
    const leaves = enterAll();
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

  it('takes a slot back once, however often it is given back', async () => {
    const { slots, enterAll } = aPath();
    const leaves = enterAll();
    leaves[0]?.();
    slots.enter('revoke', path);
    leaves[0]?.();
    expect(slots.pause('revoke', path)).toBeGreaterThan(0);
  });

  it('is left after two seconds, and not begun where it is long', async () => {
    const { clock, slots, enterAll, wait, left } = aPath();
    enterAll();
    const waiting = [wait(1), wait(2)];
    await wait(3);
    expect(left).toEqual([3]);
    clock.advance(1_999);
    await turn();
    expect(left).toEqual([3]);
    clock.advance(1);
    await Promise.all(waiting);
    expect(left).toEqual([3, 1, 2]);
    expect(slots.pause('revoke', path)).toBeGreaterThan(0);
  });

  it('is as long as half a second will serve', async () => {
    const { enterAll, wait, left, pace } = aPath();
    pace(100);
    enterAll();
    // Four at a time, each a tenth of a second.
    for (let waiting = 0; waiting < 20; waiting += 1) void wait(waiting);
    await turn();
    expect(left).toEqual([]);
    await wait(20);
    expect(left).toEqual([20]);
  });

  it('is not begun where requests hang', async () => {
    const { clock, slots, enterAll, wait, left } = aPath();
    enterAll();
    clock.advance(3_000);
    await wait(1);
    expect(left).toEqual([1]);
    expect(slots.pause('revoke', path)).toBe(5_000);
  });
});

describe('revocations that are sent away', () => {
  it('come back one after the other, at the pace of the path', () => {
    const { clock, slots, enterAll, pace } = aPath();
    pace(100);
    enterAll();
    const pauses = Array.from({ length: 1_000 }, () => slots.pause('revoke', path) ?? 0);
    // A little eager: 20 ms in place of the 25 that four at a time take for each.
    expect(pauses[0]).toBeCloseTo(520, -1);
    expect(pauses[999]).toBeCloseTo(500 + 1_000 * 20, -2);
    // Later ones go behind them.
    clock.advance(2_000);
    const later = slots.pause('revoke', path) ?? 0;
    expect(later).toBeCloseTo(500 + 1_001 * 20 - 2_000, -2);
  });

  it('are wanted back once the path is faster than it was and nobody is in line', async () => {
    const { clock, slots, slack, enterAll, wait, pace } = aPath();
    pace(2_000);
    const leaves = enterAll();
    const waiting = [wait(1), wait(2)];
    for (let sent = 0; sent < 10; sent += 1) slots.pause('revoke', path);
    clock.advance(10);
    leaves[0]?.();
    leaves[1]?.();
    await Promise.all(waiting);
    expect(slack).toEqual([]);
    leaves[2]?.();
    expect(slack).toEqual([path]);
    // They are on their way.
    leaves[3]?.();
    expect(slack).toEqual([path]);
  });

  it('are not wanted back where they come soon anyway', () => {
    const { slots, slack, enterAll, pace } = aPath();
    pace(100);
    const leaves = enterAll();
    slots.pause('revoke', path);
    for (const leave of leaves) leave();
    expect(slack).toEqual([]);
  });
});
