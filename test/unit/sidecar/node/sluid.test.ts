import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createTestCa } from '../../../support/certificates.ts';
import { startFakeBroker } from '../fake-broker.ts';
import { generation, opened, runWelcome } from '../messages.ts';
import { createNode } from './create-node.ts';

const files = 'run/runs/7-1700000000';
const [earlier, own, later] = ['s5WCZ2JGZ0A100', 's5WCZ2JGZ0A101', 's5WCZ2JGZ0A102'];
/** What slurmd tells its hooks from 25.11 on. */
const told = { SLURM_JOB_SLUID: own, SLURM_JOB_START_TIME: 1_700_000_000 };

/** An agent on a node of a broker that does what a test tells it. */
async function createWorld() {
  const ca = createTestCa();
  await using building = new AsyncDisposableStack();
  const broker = building.use(await startFakeBroker({ wantsClients: true, authority: ca }));
  const node = building.use(await createNode({ address: broker.address, seconds: 600 }));
  await node.certify(ca);
  await node.start();
  const owned = building.move();
  /** How the agent speaks of the run on its next stream, which gets what the run is granted. */
  const deliver = async () => {
    const stream = await broker.nextStream();
    const { credential } = await stream.next('hello');
    void stream.over.then(() => stream.end());
    stream.send(runWelcome());
    await stream.next('open');
    stream.send(opened({}));
    stream.send(generation({ login: { user: 'u', password: 'p' } }));
    await stream.next('delivered');
    return JSON.parse(credential.toString('utf8')) as unknown;
  };
  return {
    broker,
    node,
    deliver,
    /** The prolog of the run, which has its files then. */
    served: async (more: Readonly<Record<string, string | number>> = told) => {
      const prolog = node.hook('prolog', more);
      const reference = await deliver();
      expect(await prolog).toBe('OK\n');
      return reference;
    },
    isThere: () => existsSync(node.path(`${files}/db/password.txt`)) && existsSync(node.path('run/jobs/7')),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

// The agent gives files to users, and its folders are root's.
describe.runIf(process.geteuid?.() === 0)('a run with a SLUID', () => {
  it('is spoken of with it, also by the next process, and without it where Slurm has none', async () => {
    await using world = await createWorld();
    const { node, broker } = world;
    expect(await world.served()).toEqual({ job: 7, uid: 12_345, sluid: own });
    await node.stop();
    await node.start();
    const stream = await broker.nextStream();
    const { credential } = await stream.next('hello');
    expect(JSON.parse(credential.toString('utf8'))).toEqual({
      job: 7,
      uid: 12_345,
      sluid: own,
      run: 'run/one/7/1700000000',
    });
    stream.end();
    await node.hook('epilog', told);
    // As Slurm says it of what began before it had them.
    for (const none of ['', 's0000000000000']) {
      expect(await world.served({ ...told, SLURM_JOB_SLUID: none })).toEqual({ job: 7, uid: 12_345 });
      await node.hook('epilog', told);
    }
  });

  it('is not ended by an epilog of an earlier one, that comes late', async () => {
    await using world = await createWorld();
    await world.served();
    expect(await world.node.hook('epilog', { ...told, SLURM_JOB_SLUID: earlier })).toBe('OK\n');
    expect(world.isThere()).toBe(true);
  });

  it.each([
    ['its own', own],
    ['a later one, as Slurm gives to a run that is resized', later],
    ['none', ''],
  ])('is ended by an epilog with %s', async (_what, sluid) => {
    await using world = await createWorld();
    await world.served();
    expect(await world.node.hook('epilog', { ...told, SLURM_JOB_SLUID: sluid })).toBe('OK\n');
    expect(world.isThere()).toBe(false);
    expect(existsSync(world.node.path('run/jobs/7'))).toBe(false);
  });

  it.each([false, true])(
    'that is resized keeps its files under another prolog, with the later one (restarted: %s)',
    async (isRestarted) => {
      await using world = await createWorld();
      await world.served();
      if (isRestarted) {
        await world.node.stop();
        await world.node.start();
      }
      const again = world.node.hook('prolog', { ...told, SLURM_JOB_SLUID: later });
      if (isRestarted) await resume(world.broker);
      expect(await again).toBe('OK\n');
      expect(world.isThere()).toBe(true);
    },
  );

  it.each([
    ['an earlier SLUID', { SLURM_JOB_SLUID: earlier }],
    ['a later one and another restart count', { SLURM_JOB_SLUID: later, SLURM_JOB_RESTART_COUNT: 1 }],
    ['a later one and another start', { SLURM_JOB_SLUID: later, SLURM_JOB_START_TIME: 1_700_000_001 }],
    ['a later one and no start', { SLURM_JOB_SLUID: later, SLURM_JOB_START_TIME: 0 }],
  ])('ends when a prolog comes with %s, which is of another run', async (_what, changes) => {
    await using world = await createWorld();
    await world.served();
    void world.node.hook('prolog', { ...told, ...changes });
    const stream = await world.broker.nextStream();
    await stream.next('hello');
    expect(world.isThere()).toBe(false);
    expect(existsSync(world.node.path(files))).toBe(false);
  });
});

/** A stream on which the agent goes on with what it has. */
async function resume(broker: Awaited<ReturnType<typeof startFakeBroker>>): Promise<void> {
  const stream = await broker.nextStream();
  await stream.next('hello');
  void stream.over.then(() => stream.end());
  stream.send(runWelcome());
  await stream.next('open');
  stream.send(opened({ resumed: true }));
  await stream.next('delivered');
}
