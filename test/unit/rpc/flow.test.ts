import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/platform/clock.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { createMessageRate } from '../../../src/rpc/message-rate.ts';
import { createOutbox } from '../../../src/rpc/outbox.ts';
import { createTurns } from '../../../src/rpc/turns.ts';

/** Time that moves when it is told to. */
function manualClock() {
  let now = 0;
  const due: { readonly at: number; readonly run: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    sleep: (ms) => new Promise((resolve) => clock.after(ms, resolve)),
    after: (ms, run) => {
      const timer = { at: now + ms, run };
      due.push(timer);
      return () => {
        const at = due.indexOf(timer);
        if (at !== -1) due.splice(at, 1);
      };
    },
  };
  const advance = (ms: number) => {
    now += ms;
    for (const timer of due.filter(({ at }) => at <= now)) {
      due.splice(due.indexOf(timer), 1);
      timer.run();
    }
  };
  return { clock, advance, timers: () => due.length };
}

describe('an outbox', () => {
  const setUp = () => {
    const time = manualClock();
    const written: { readonly message: Buffer; readonly done: () => void }[] = [];
    let stuck = 0;
    const outbox = createOutbox({
      write: (message, done) => void written.push({ message, done }),
      clock: time.clock,
      maxBytes: 100,
      patienceMs: 1_000,
      onStuck: () => (stuck += 1),
    });
    return { ...time, outbox, written, stuck: () => stuck };
  };

  it('overwrites a message when it has left, and not before', async () => {
    const { outbox, written } = setUp();
    const message = Buffer.from('s3cret');
    const pushed = outbox.push(message);
    expect(message.toString()).toBe('s3cret');
    written[0]?.done();
    await pushed;
    expect(message).toEqual(Buffer.alloc(6));
  });

  it('gives up on who lets too much wait, but takes one message of any size', async () => {
    const { outbox, stuck, timers } = setUp();
    void outbox.push(Buffer.alloc(500));
    expect(stuck()).toBe(0);
    await outbox.push(Buffer.alloc(1));
    expect(stuck()).toBe(1);
    expect(timers()).toBe(0);
  });

  it('gives up on who reads nothing for too long, and waits for who reads slowly', () => {
    const { outbox, written, stuck, advance } = setUp();
    for (let index = 0; index < 3; index += 1) void outbox.push(Buffer.alloc(10));
    advance(900);
    written[0]?.done();
    advance(900);
    written[1]?.done();
    advance(900);
    expect(stuck()).toBe(0);
    advance(100);
    expect(stuck()).toBe(1);
  });

  it('keeps nobody waiting once it is closed', async () => {
    const { outbox, written, timers } = setUp();
    const waiting = outbox.push(Buffer.alloc(10));
    outbox.close();
    await waiting;
    await outbox.push(Buffer.alloc(10));
    expect(written).toHaveLength(1);
    expect(timers()).toBe(0);
  });
});

describe('the rate of a stream', () => {
  it('lets a burst through, then one message at a time', async () => {
    const { clock, advance } = manualClock();
    const rate = createMessageRate({ clock, signal: new AbortController().signal });
    for (let index = 0; index < 256; index += 1) await rate.pass();
    let passed = false;
    const next = rate.pass().then(() => (passed = true));
    await Promise.resolve();
    expect(passed).toBe(false);
    advance(1_000);
    await next;
  });
});

describe('turns', () => {
  const never = new AbortController().signal;

  it('run as many as allowed, the others in order', async () => {
    const turns = createTurns({ concurrency: 1, clock: manualClock().clock });
    const first = Promise.withResolvers<undefined>();
    const order: string[] = [];
    const running = [
      turns.run(() => first.promise.then(() => order.push('first')), never),
      turns.run(async () => order.push('second'), never),
      turns.run(async () => order.push('third'), never),
    ];
    expect(turns.waiting()).toBe(2);
    first.resolve(undefined);
    await Promise.all(running);
    expect(order).toEqual(['first', 'second', 'third']);
  });

  it('turn away who waits too long, who is one too many, and who has gone', async () => {
    const { clock, advance, timers } = manualClock();
    const turns = createTurns({ concurrency: 1, clock });
    const held = Promise.withResolvers<undefined>();
    const first = turns.run(() => held.promise, never);
    const gone = new AbortController();
    const leaving = turns.run(async () => undefined, gone.signal);
    gone.abort();
    await expect(leaving).rejects.toMatchObject({ code: 'cancelled' });
    await expect(turns.run(async () => undefined, gone.signal)).rejects.toMatchObject({ code: 'cancelled' });
    const waiting = Array.from({ length: 64 }, () => turns.run(async () => undefined, never));
    const outcomes = Promise.allSettled(waiting);
    await expect(turns.run(async () => undefined, never)).rejects.toMatchObject({ code: 'overloaded' });
    advance(10_000);
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'overloaded' } });
    expect(timers()).toBe(0);
    held.resolve(undefined);
    await first;
  });

  it('give a turn back when its task fails', async () => {
    const turns = createTurns({ concurrency: 1, clock: manualClock().clock });
    await expect(
      turns.run(() => Promise.reject(new LeaseholdError('credential_expired')), never),
    ).rejects.toMatchObject({ code: 'credential_expired' });
    expect(await turns.run(async () => 'served', never)).toBe('served');
  });
});
