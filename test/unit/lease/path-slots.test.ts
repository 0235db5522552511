import { describe, expect, it } from 'vitest';
import { createPathSlots } from '../../../src/lease/path-slots.ts';
import { createManualClock } from '../backend/manual-clock.ts';

const path = 'database/creds/app';

/** Eight slots: half of them serve one path, and two more may be busy with it. */
const aPath = () => {
  const clock = createManualClock();
  const wanted: (readonly [string, number])[] = [];
  const slots = createPathSlots({
    clock,
    slots: 8,
    random: () => 0,
    onSlack: (at, count) => void wanted.push([at, count]),
  });
  const left: number[] = [];
  const enter = () => slots.enter('revoke', path);
  return {
    clock,
    slots,
    wanted,
    left,
    enter,
    enterAll: () => [enter(), enter(), enter(), enter()] as const,
    /** Notes when it may go on. */
    wait: (name: number) => slots.line(path).then(() => void left.push(name)),
    pause: () => slots.pause('revoke', path),
    /** Requests that take so long, until that is the pace of the path. */
    pace: (ms: number) => {
      for (let served = 0; served < 100; served += 1) {
        const slot = enter();
        clock.advance(ms);
        slot.leave();
      }
    },
  };
};
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('the line for a slot of a path', () => {
  it('is empty while there is room, and for other work', async () => {
    const { slots, enter, pause } = aPath();
    for (let entered = 0; entered < 4; entered += 1) {
      await slots.line(path);
      expect(pause()).toBeUndefined();
      enter();
    }
    expect(slots.pause('renew', path)).toBeUndefined();
    await slots.line('database/creds/other');
    expect(slots.pause('revoke', 'database/creds/other')).toBeUndefined();
    expect(pause()).toBeGreaterThan(0);
  });

  it('gives each slot that gets free to the first who waits, before its last has settled with the ledger', async () => {
    const { enter, enterAll, wait, left, pause } = aPath();
    const [first, second] = enterAll();
    const waiting = [wait(1), wait(2)];
    await turn();
    expect(left).toEqual([]);
    first.served();
    await waiting[0];
    expect(left).toEqual([1]);
    expect(pause()).toBeUndefined();
    enter();
    second.leave();
    await waiting[1];
    expect(left).toEqual([1, 2]);
  });

  it('takes a slot back once, however often it is given back', async () => {
    const { enter, enterAll, pause } = aPath();
    const [first] = enterAll();
    first.leave();
    enter();
    first.served();
    first.leave();
    expect(pause()).toBeGreaterThan(0);
  });

  it('is left after two seconds', async () => {
    const { clock, enterAll, wait, left, pause } = aPath();
    enterAll();
    const waiting = [wait(1), wait(2)];
    clock.advance(1_999);
    await turn();
    expect(left).toEqual([]);
    clock.advance(1);
    await Promise.all(waiting);
    expect(left).toEqual([1, 2]);
    expect(pause()).toBeGreaterThan(0);
  });

  it('leaves a quarter of the slots to other paths, however fast this one is', async () => {
    const { clock, enterAll, wait, left, pause, pace } = aPath();
    pace(1);
    enterAll();
    void wait(1);
    void wait(2);
    const third = wait(3);
    await turn();
    expect(left).toEqual([]);
    // It keeps its slot for a moment, so that a long queue is looked through without haste.
    clock.advance(25);
    await third;
    expect(left).toEqual([3]);
    expect(pause()).toBeGreaterThan(0);
  });

  it('leaves them also where the ledger is slower than the path', async () => {
    const { clock, enterAll, wait, left, pause } = aPath();
    for (const slot of [...enterAll(), ...enterAll()].slice(2)) slot.served();
    const next = wait(1);
    clock.advance(25);
    await next;
    expect(left).toEqual([1]);
    expect(pause()).toBeGreaterThan(0);
  });

  it('is not begun where requests hang', async () => {
    const { clock, enterAll, wait, left, pause } = aPath();
    enterAll();
    clock.advance(3_000);
    await wait(1);
    expect(left).toEqual([1]);
    expect(pause()).toBe(5_000);
  });
});

describe('revocations that are sent away', () => {
  it('come back one after the other, at the pace of the path, within a minute', () => {
    const { clock, enterAll, pace, pause } = aPath();
    pace(100);
    enterAll();
    const pauses = Array.from({ length: 1_000 }, () => pause() ?? 0);
    // A little eager: 20 ms in place of the 25 that four at a time take for each.
    expect(pauses[0]).toBeCloseTo(520, -1);
    expect(pauses[999]).toBeCloseTo(500 + 1_000 * 20, -2);
    // Later ones go behind them.
    clock.advance(2_000);
    expect(pause()).toBeCloseTo(500 + 1_001 * 20 - 2_000, -2);
    for (let more = 0; more < 5_000; more += 1) pause();
    expect(pause()).toBe(60_000);
  });

  it('are wanted back, a second of them, once the path is faster than it was and nobody is in line', async () => {
    const { clock, wanted, enterAll, wait, pace, pause } = aPath();
    pace(2_000);
    const [first, second, third, fourth] = enterAll();
    const waiting = [wait(1), wait(2)];
    for (let sent = 0; sent < 10; sent += 1) pause();
    clock.advance(10);
    first.leave();
    second.leave();
    await Promise.all(waiting);
    expect(wanted).toEqual([]);
    third.leave();
    expect(wanted).toEqual([[path, expect.any(Number)]]);
    // Four at a time, of which each took a little less than two seconds.
    expect(wanted[0]?.[1]).toBeGreaterThanOrEqual(2);
    expect(wanted[0]?.[1]).toBeLessThanOrEqual(4);
    fourth.leave();
    expect(wanted).toHaveLength(2);
  });

  it('are not wanted back where they come soon anyway', () => {
    const { wanted, enterAll, pace, pause } = aPath();
    pace(100);
    const all = enterAll();
    pause();
    for (const slot of all) slot.leave();
    expect(wanted).toEqual([]);
  });
});
