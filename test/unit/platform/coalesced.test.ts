import { expect, it } from 'vitest';
import { createCoalesced } from '../../../src/platform/coalesced.ts';

function start() {
  const runs: PromiseWithResolvers<undefined>[] = [];
  const failures: unknown[] = [];
  const task = createCoalesced(
    async () => {
      const run = Promise.withResolvers<undefined>();
      runs.push(run);
      await run.promise;
    },
    { failed: (error) => failures.push(error) },
  );
  return { task, runs, failures };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

it('asked for many times while it runs, the task runs once more', async () => {
  const { task, runs } = start();
  for (let times = 0; times < 5; times += 1) task.ask();
  await turn();
  expect(runs).toHaveLength(1);
  task.ask();
  task.ask();
  runs[0]?.resolve(undefined);
  await turn();
  expect(runs).toHaveLength(2);
  runs[1]?.resolve(undefined);
  await turn();
  expect(runs).toHaveLength(2);
});

it('a failure is told, and the next one is asked for as before', async () => {
  const { task, runs, failures } = start();
  task.ask();
  runs[0]?.reject(new Error('away'));
  await turn();
  expect(failures).toHaveLength(1);
  task.ask();
  await turn();
  expect(runs).toHaveLength(2);
});

it('stopping waits for what runs and begins nothing more', async () => {
  const { task, runs } = start();
  task.ask();
  task.ask();
  let isStopped = false;
  const stopped = task.stop().then(() => (isStopped = true));
  await turn();
  expect(isStopped).toBe(false);
  runs[0]?.resolve(undefined);
  await stopped;
  task.ask();
  await turn();
  expect(runs).toHaveLength(1);
});

it('is idle when nothing runs and nothing is asked for', async () => {
  const { task, runs } = start();
  await task.idle();
  task.ask();
  task.ask();
  let isIdle = false;
  const idle = task.idle().then(() => (isIdle = true));
  runs[0]?.resolve(undefined);
  await turn();
  expect(isIdle).toBe(false);
  runs[1]?.resolve(undefined);
  await idle;
  expect(runs).toHaveLength(2);
});
