import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAdmission } from '../../../src/backend/admission.ts';
import type { Clock } from '../../../src/platform/clock.ts';
import { systemClock } from '../../../src/platform/clock.ts';

/** A task that ends when told to. */
interface Gate {
  readonly task: () => Promise<void>;
  open(): void;
}

const createGate = (onStart: () => void = () => undefined): Gate => {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  return {
    task: async () => {
      onStart();
      await promise;
    },
    open: () => resolve(undefined),
  };
};

/** Timers fire only when the test says so. */
const createManualClock = (): Clock & { fireAll(): void; readonly pending: Set<() => void> } => {
  const pending = new Set<() => void>();
  return {
    ...systemClock,
    pending,
    after: (_ms, callback) => {
      pending.add(callback);
      return () => pending.delete(callback);
    },
    fireAll: () => [...pending].forEach((callback) => callback()),
  };
};

const never = new AbortController().signal;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('createAdmission', () => {
  it('refuses when the queue is full, with a time to come back', async () => {
    const admission = createAdmission({ concurrency: 1, queue: 1, maxWaitMs: 1000, clock: systemClock });
    const gate = createGate();
    const first = admission.run('a', gate.task, { signal: never });
    const second = admission.run('a', async () => 'second', { signal: never });
    await expect(admission.run('a', async () => 'third', { signal: never })).rejects.toMatchObject({
      code: 'overloaded',
      retryAfterMs: expect.any(Number) as number,
    });
    gate.open();
    await first;
    expect(await second).toBe('second');
  });

  it('refuses what has waited too long and never runs it', async () => {
    const clock = createManualClock();
    const admission = createAdmission({ concurrency: 1, queue: 5, maxWaitMs: 1000, clock });
    const gate = createGate();
    const first = admission.run('a', gate.task, { signal: never });
    let ran = false;
    const late = admission.run('a', async () => (ran = true), { signal: never });
    clock.fireAll();
    await expect(late).rejects.toMatchObject({ code: 'overloaded' });
    gate.open();
    await first;
    await turn();
    expect(ran).toBe(false);
    expect(admission.depth()).toEqual({ running: 0, waiting: 0, keys: 0 });
  });

  it('lets a wait go when its caller does, and keeps no timer or listener for it', async () => {
    const clock = createManualClock();
    const admission = createAdmission({ concurrency: 1, queue: 1, maxWaitMs: 1000, clock });
    const gate = createGate();
    const first = admission.run('a', gate.task, { signal: never });
    const caller = new AbortController();
    const waiting = admission.run('a', async () => undefined, { signal: caller.signal });
    caller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
    expect(clock.pending.size).toBe(0);
    const next = admission.run('b', async () => 'next', { signal: never });
    gate.open();
    await first;
    expect(await next).toBe('next');
  });

  it('refuses a caller that has already gone', async () => {
    const admission = createAdmission({ concurrency: 1, queue: 1, maxWaitMs: 1000, clock: systemClock });
    await expect(
      admission.run('a', async () => undefined, { signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('turns away what waits when it is closed, and lets what runs end', async () => {
    const admission = createAdmission({ concurrency: 1, queue: 5, maxWaitMs: 1000, clock: systemClock });
    const gate = createGate();
    const first = admission.run('a', gate.task, { signal: never });
    const waiting = admission.run('a', async () => undefined, { signal: never });
    admission.close();
    await expect(waiting).rejects.toMatchObject({ code: 'shutting_down' });
    await expect(admission.run('a', async () => undefined, { signal: never })).rejects.toMatchObject({
      code: 'shutting_down',
    });
    gate.open();
    await expect(first).resolves.toBeUndefined();
  });

  it('gives the slot back when a task fails, and passes its error on', async () => {
    const admission = createAdmission({ concurrency: 1, queue: 1, maxWaitMs: 1000, clock: systemClock });
    const failure = new Error('task');
    await expect(
      admission.run(
        'a',
        async () => {
          throw failure;
        },
        { signal: never },
      ),
    ).rejects.toBe(failure);
    expect(await admission.run('a', async () => 'again', { signal: never })).toBe('again');
  });

  it('lets a key with little waiting in when another has filled the queue', async () => {
    const admission = createAdmission({ concurrency: 1, queue: 3, maxWaitMs: 1000, clock: systemClock });
    const gate = createGate();
    const running = admission.run('flood', gate.task, { signal: never });
    const flood = [1, 2, 3].map((n) => admission.run('flood', async () => n, { signal: never }));
    const settled = Promise.allSettled(flood);
    const quiet = admission.run('quiet', async () => 'in', { signal: never });
    gate.open();
    await running;
    expect(await quiet).toBe('in');
    expect((await settled).map((result) => result.status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
  });

  it('serves keys in turn: no key is ahead of another that waits by more than one', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 4 }),
        async (keys, concurrency) => {
          const admission = createAdmission({
            concurrency,
            queue: keys.length,
            maxWaitMs: 60_000,
            clock: systemClock,
          });
          const gates = Array.from({ length: concurrency }, () => createGate());
          const holding = gates.map((gate) => admission.run('hold', gate.task, { signal: never }));
          const order: string[] = [];
          const all = keys.map((key) =>
            admission.run(
              key,
              async () => {
                order.push(key);
                await turn();
              },
              { signal: never },
            ),
          );
          for (const gate of gates) gate.open();
          await Promise.all([...holding, ...all]);
          const total = (key: string) => keys.filter((each) => each === key).length;
          const distinct = [...new Set(keys)];
          for (let served = 1; served <= order.length; served += 1) {
            const soFar = order.slice(0, served);
            const count = (key: string) => soFar.filter((each) => each === key).length;
            const stillWaiting = distinct.filter((key) => count(key) < total(key));
            for (const waits of stillWaiting)
              for (const other of distinct) expect(count(other)).toBeLessThanOrEqual(count(waits) + 1);
          }
          expect([...order].sort()).toEqual([...keys].sort());
        },
      ),
      { numRuns: 60 },
    );
  });

  it('never runs or holds more than its bounds, whatever comes, fails or leaves', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            key: fc.constantFrom('a', 'b', 'c'),
            fate: fc.constantFrom('ends', 'fails', 'leaves', 'expires'),
          }),
          { maxLength: 40 },
        ),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 6 }),
        async (events, concurrency, queue) => {
          const clock = createManualClock();
          const admission = createAdmission({ concurrency, queue, maxWaitMs: 1000, clock });
          let running = 0;
          const results: Promise<unknown>[] = [];
          const check = () => {
            expect(running).toBeLessThanOrEqual(concurrency);
            expect(admission.depth().waiting).toBeLessThanOrEqual(queue);
          };
          for (const { key, fate } of events) {
            const caller = new AbortController();
            const task = async () => {
              running += 1;
              check();
              try {
                await turn();
                if (fate === 'fails') throw new Error('task');
              } finally {
                running -= 1;
              }
            };
            results.push(admission.run(key, task, { signal: caller.signal }).catch(() => undefined));
            check();
            if (fate === 'leaves') caller.abort();
            if (fate === 'expires') clock.fireAll();
          }
          await Promise.all(results);
          expect(admission.depth()).toEqual({ running: 0, waiting: 0, keys: 0 });
          expect(clock.pending.size).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });
});
