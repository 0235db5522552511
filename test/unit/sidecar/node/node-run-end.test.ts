import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RunRecord } from '../../../../sidecar/node/run-record.ts';
import { openRunStore, type RunStore } from '../../../../sidecar/node/run-store.ts';
import { startFakeBroker, type FakeBroker, type FakeStream } from '../fake-broker.ts';
import { createMemoryFolder } from '../memory-folder.ts';
import { runWelcome, sessionA } from '../messages.ts';
import { deliverRun } from './deliver-run.ts';
import { startNodeRun as start } from './start-node-run.ts';

/** What an earlier process has left of a run that has its files. */
async function deliver(broker: FakeBroker, store: RunStore): Promise<RunRecord> {
  const run = start(broker, store);
  const stream = await deliverRun(broker);
  expect(await run.outcome).toEqual({ state: 'delivered' });
  const left = run.leave();
  await stream.over;
  stream.end();
  await left;
  return run.record() ?? expect.unreachable();
}

/** A store whose first save waits for the test. */
function heldUp(store: RunStore) {
  const gate = Promise.withResolvers<undefined>();
  const reached = Promise.withResolvers<undefined>();
  let isFirst = true;
  const save = async (record: RunRecord) => {
    if (isFirst) {
      isFirst = false;
      reached.resolve(undefined);
      await gate.promise;
    }
    await store.save(record);
  };
  return { store: { ...store, save }, reached: reached.promise, open: () => gate.resolve(undefined) };
}

const expectToldOf = async (stream: FakeStream) => {
  expect((await stream.next('wiped')).sessionId).toBe(sessionA);
  expect((await stream.next('release')).sessionId).toBe(sessionA);
};

// The files are those of another user than this process.
describe.runIf(process.getuid?.() === 0)('a run that ends while it is taken up after a restart', () => {
  it.each(['before', 'after'] as const)(
    'is told of as wiped and released, where the broker welcomes it %s the end',
    async (moment) => {
      await using broker = await startFakeBroker();
      await using home = await createMemoryFolder();
      const root = { root: home.path, target: join(home.path, 'runs'), view: join(home.path, 'runs') };
      await mkdir(root.target, { mode: 0o711 });
      const store = await openRunStore(root);
      const record = await deliver(broker, store);
      const slow = heldUp(store);
      const run = start(broker, slow.store, record);
      await slow.reached;
      const stream = await broker.nextStream();
      await stream.next('hello');
      if (moment === 'before') stream.send(runWelcome());
      const ended = run.end();
      if (moment === 'after') stream.send(runWelcome());
      slow.open();
      await ended;
      await expectToldOf(stream);
      await stream.over;
      stream.end();
      await run.over;
      expect(await readdir(root.target)).toEqual([]);
      expect(await readdir(join(home.path, 'state'))).toEqual([]);
    },
  );
});
