import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { Clock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { openHeldJobs } from '../../../src/slurm/held-jobs.ts';
import type { Held, JobName, Scheduler } from '../../../src/slurm/scheduler.ts';
import { createTempFolder } from '../../support/temp-folder.ts';

const unexpected = () => Promise.reject(new Error('nobody asks for this'));

/** A controller that holds and releases, and a clock that a test moves. */
async function createParts() {
  const folder = await createTempFolder({ name: 'held-jobs' });
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const rows = new Map<JobName, Held>();
  const stuck = new Set<JobName>();
  const released: string[] = [];
  let now = 0;
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    sleep: unexpected,
    after: () => () => undefined,
  };
  const scheduler: Scheduler = {
    runs: unexpected,
    run: unexpected,
    settings: unexpected,
    hold: (name) => Promise.resolve(void rows.set(name, 'waiting')),
    held: () => Promise.resolve(new Map(rows)),
    release: (names) => {
      released.push(names.join());
      const kept = names.filter((name) => stuck.has(name));
      for (const name of names) if (!stuck.has(name)) rows.delete(name);
      return Promise.resolve(new Map(kept.map((name) => [name, 'no'])));
    },
    disown: (names) => {
      for (const name of names) rows.delete(name);
      return Promise.resolve();
    },
    cancel: unexpected,
    cancelRun: unexpected,
  };
  const { signal } = new AbortController();
  const open = () =>
    openHeldJobs({
      path: join(folder.path, 'held.json'),
      scheduler,
      clock,
      random: () => 0,
      log: silentLog,
      signal,
    });
  const jobs = await open();
  return {
    jobs,
    open,
    rows,
    stuck,
    /** What was released since the last look. */
    taken: () => released.splice(0),
    wait: (seconds: number) => (now += seconds * 1000),
    /** Registers in vain, as each that starts while the broker is in trouble. */
    hold: async (...names: readonly JobName[]) => {
      for (const name of names) {
        jobs.failed();
        await jobs.hold(name);
      }
    },
  };
}

it('a broker that answers and registers nothing gets one job at a time, ever more seldom, each in its turn', async () => {
  const { jobs, taken, wait, hold } = await createParts();
  await hold('1', '2', '3');
  const turns: string[] = [];
  const pauses: number[] = [];
  let last = 0;
  for (let second = 0; second < 1_000; second += 1) {
    await jobs.release();
    for (const name of taken()) {
      turns.push(name);
      pauses.push(second - last);
      last = second;
      await hold(name);
    }
    wait(1);
  }
  expect(turns.slice(0, 6)).toEqual(['1', '2', '3', '1', '2', '3']);
  expect(pauses).toEqual([0, 5, 10, 20, 40, 80, 160, 300, 300]);
});

it('once one of them is registered all others go at once, in one command', async () => {
  const { jobs, taken, hold } = await createParts();
  await hold('1', '2', '3', '4');
  await jobs.release();
  expect(taken()).toEqual(['1']);
  jobs.succeeded('1');
  await vi.waitFor(() => expect(taken()).toEqual(['2,3,4']));
  await jobs.release();
  expect(taken()).toEqual([]);
});

it('the success of any other job is as good', async () => {
  const { jobs, taken, hold } = await createParts();
  await hold('1', '2');
  jobs.succeeded('99');
  await vi.waitFor(() => expect(taken()).toEqual(['1,2']));
});

it('while nothing is heard of those that went, as they wait for nodes, twice as many follow', async () => {
  const { jobs, taken, hold } = await createParts();
  await hold(...Array.from({ length: 10 }, (_, index) => String(index)));
  for (const count of [1, 2, 4, 3]) {
    await jobs.release();
    expect(taken().join().split(',')).toHaveLength(count);
  }
});

it('one that Slurm will not let go is no try, and the next one goes', async () => {
  const { jobs, stuck, taken, hold } = await createParts();
  await hold('1', '2', '3');
  stuck.add('1');
  await jobs.release();
  expect(taken()).toEqual(['1', '2']);
});

it('one that alone is in trouble does not go round with each success of the others', async () => {
  const { jobs, taken, wait, hold } = await createParts();
  let times = 0;
  await hold('bad');
  for (let second = 0; second < 1_000; second += 4) {
    await jobs.release();
    jobs.succeeded('good');
    await jobs.release();
    for (const name of taken()) {
      times += 1;
      await hold(name);
    }
    wait(4);
  }
  expect(times).toBeLessThan(10);
});

it('after a restart nothing has succeeded yet', async () => {
  const { jobs, open, taken, hold } = await createParts();
  await hold('1', '2');
  jobs.succeeded('99');
  await hold('3', '4');
  taken();
  const again = await open();
  await again.release();
  expect(taken().join().split(',')).toHaveLength(1);
});

it('with no trouble since a success, what the signer of another controller has held goes as one', async () => {
  const { jobs, rows, taken } = await createParts();
  jobs.succeeded('99');
  rows.set('1', 'waiting').set('2', 'waiting');
  await jobs.release();
  expect(taken()).toEqual([]);
  await jobs.release();
  expect(taken()).toEqual(['1,2']);
});

it('our comment goes from what waits in the queue at once, from what runs after a hold has had its time', async () => {
  const { jobs, rows, wait } = await createParts();
  rows.set('1', 'free').set('2', 'running').set('3', 'ending');
  await jobs.release();
  expect([...rows.keys()]).toEqual(['2', '3']);
  wait(59);
  await jobs.release();
  expect([...rows.keys()]).toEqual(['2', '3']);
  wait(1);
  await jobs.release();
  expect([...rows.keys()]).toEqual(['3']);
});
