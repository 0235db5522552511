import { expect, it } from 'vitest';
import { createCatchUp } from '../../../src/lease/catch-up.ts';

function start() {
  const runs: PromiseWithResolvers<undefined>[] = [];
  const failures: unknown[] = [];
  const catchUp = createCatchUp(
    async () => {
      const run = Promise.withResolvers<undefined>();
      runs.push(run);
      await run.promise;
    },
    { failed: (error) => failures.push(error) },
  );
  return { catchUp, runs, failures };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

it('asked for many times while it runs, the task runs once more', async () => {
  const { catchUp, runs } = start();
  for (let times = 0; times < 5; times += 1) catchUp.ask();
  await turn();
  expect(runs).toHaveLength(1);
  catchUp.ask();
  catchUp.ask();
  runs[0]?.resolve(undefined);
  await turn();
  expect(runs).toHaveLength(2);
  runs[1]?.resolve(undefined);
  await turn();
  expect(runs).toHaveLength(2);
});

it('a failure is told, and the next one is asked for as before', async () => {
  const { catchUp, runs, failures } = start();
  catchUp.ask();
  runs[0]?.reject(new Error('away'));
  await turn();
  expect(failures).toHaveLength(1);
  catchUp.ask();
  await turn();
  expect(runs).toHaveLength(2);
});

it('stopping waits for what runs and begins nothing more', async () => {
  const { catchUp, runs } = start();
  catchUp.ask();
  catchUp.ask();
  let isStopped = false;
  const stopped = catchUp.stop().then(() => (isStopped = true));
  await turn();
  expect(isStopped).toBe(false);
  runs[0]?.resolve(undefined);
  await stopped;
  catchUp.ask();
  await turn();
  expect(runs).toHaveLength(1);
});
