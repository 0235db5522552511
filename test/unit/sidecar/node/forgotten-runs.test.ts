import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { endForgottenRuns } from '../../../../sidecar/node/forgotten-runs.ts';
import { openRunStore } from '../../../../sidecar/node/run-store.ts';
import { silentLog } from '../../../../src/platform/log.ts';
import { createManualClock } from '../../backend/manual-clock.ts';
import { startFakeBroker } from '../fake-broker.ts';
import { createMemoryFolder } from '../memory-folder.ts';
import { runWelcome } from '../messages.ts';
import { startNodeRun } from './start-node-run.ts';

const never = new AbortController().signal;

async function createWorld() {
  await using building = new AsyncDisposableStack();
  const broker = building.use(await startFakeBroker());
  const home = building.use(await createMemoryFolder());
  const root = { root: home.path, target: join(home.path, 'runs'), view: join(home.path, 'runs') };
  await mkdir(root.target, { mode: 0o711 });
  const store = await openRunStore(root);
  const run = startNodeRun(broker, store);
  const owned = building.move();
  return {
    broker,
    run,
    store,
    left: async () => [
      ...(await readdir(join(home.path, 'jobs'))),
      ...(await readdir(join(home.path, 'state'))),
    ],
    [Symbol.asyncDispose]: async () => {
      await run.leave();
      await owned.disposeAsync();
    },
  };
}
type World = Awaited<ReturnType<typeof createWorld>>;

/** Asks, and answers for the broker. */
async function ask({ broker, run }: World, answer: 'welcome' | 'workload_ended' | 'internal') {
  const asked = run.endIfOver(never);
  const stream = await broker.nextStream();
  const { credential } = await stream.next('hello');
  expect(JSON.parse(Buffer.from(credential).toString())).toMatchObject({
    run: 'run/one/7/1700000000',
  });
  void stream.over.then(() => stream.end());
  if (answer === 'welcome') stream.send(runWelcome({ bundles: [] }));
  else stream.refuse(answer);
  return asked;
}

// The files are those of another user than this process.
describe.runIf(process.getuid?.() === 0)('a run whose epilog never came', () => {
  it('stays while the broker has it, or says nothing of it, and goes once it is over: one with nothing', async () => {
    await using world = await createWorld();
    const { broker, run } = world;
    const stream = await broker.nextStream();
    await stream.next('hello');
    expect(await run.endIfOver(never)).toBeUndefined();
    void stream.over.then(() => stream.end());
    stream.send(runWelcome({ bundles: [] }));
    expect(await run.outcome).toEqual({ state: 'nothing' });
    expect(await ask(world, 'welcome')).toBe('alive');
    expect(await ask(world, 'internal')).toBe('alive');
    expect(await run.endIfOver(AbortSignal.abort())).toBe('alive');
    expect(await world.left()).toEqual(['7', '7-1700000000.json']);
    expect(await ask(world, 'workload_ended')).toBe('over');
    await run.over;
    expect(await world.left()).toEqual([]);
  });

  it('goes once it is over: one that has failed', async () => {
    await using world = await createWorld();
    const { broker, run } = world;
    const stream = await broker.nextStream();
    await stream.next('hello');
    void stream.over.then(() => stream.end());
    stream.send(runWelcome());
    await stream.next('open');
    stream.send({ refused: { bundle: 'db', code: 'not_granted', message: '', retryAfterMs: 0 } });
    expect(await run.outcome).toMatchObject({ state: 'failed' });
    await stream.over;
    expect(await ask(world, 'welcome')).toBe('alive');
    expect(await world.left()).toEqual(['7']);
    expect(await ask(world, 'workload_ended')).toBe('over');
    await run.over;
    expect(await world.left()).toEqual([]);
  });

  it('stays where no broker has named it, as none could tell', async () => {
    await using world = await createWorld();
    await world.run.giveUp({ state: 'nothing' });
    expect(await world.run.endIfOver(never)).toBeUndefined();
    expect(await world.left()).toEqual(['7']);
  });
});

it('few runs that live are asked for at a time, and again half a day later; all that are over until then are found', async () => {
  const clock = createManualClock();
  const asked: string[] = [];
  const names = ['over1', 'a', 'over2', 'b', 'busy', 'c', 'd', 'e', 'f', 'g', 'h', 'over3', 'i'];
  const left = new Set(
    names.map((name) => ({
      name,
      endIfOver: () => {
        if (name === 'busy') return Promise.resolve(undefined);
        asked.push(name);
        return Promise.resolve(name.startsWith('over') ? ('over' as const) : ('alive' as const));
      },
    })),
  );
  await using forgotten = endForgottenRuns({
    runs: () => left,
    clock,
    random: () => 0,
    log: silentLog,
  });
  expect(forgotten).toBeDefined();
  const next = async (expected: readonly string[], ms = 1_800_000) => {
    asked.length = 0;
    clock.advance(ms);
    await vi.waitFor(() => expect(asked).toEqual(expected));
    for (const run of left) if (run.name.startsWith('over') && asked.includes(run.name)) left.delete(run);
    await new Promise((resolve) => setImmediate(resolve));
  };
  await next(['over1', 'a', 'over2', 'b', 'c', 'd', 'e', 'f', 'g', 'h']);
  await next(['over3', 'i']);
  await next([]);
  await next(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'], 12 * 3_600_000);
});
