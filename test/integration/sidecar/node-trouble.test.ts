import { once } from 'node:events';
import { existsSync, lstatSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFakeBroker, type FakeBroker, type FakeStream } from '../../unit/sidecar/fake-broker.ts';
import { generation, opened, runWelcome } from '../../unit/sidecar/messages.ts';
import { buildHookPrograms, type HookPrograms } from './hook-programs.ts';
import { createNodeWorld, patientProlog, slurmd, type NodeWorld } from './node-world.ts';

let programs: HookPrograms;
beforeAll(async () => {
  programs = await buildHookPrograms();
});
afterAll(() => programs[Symbol.asyncDispose]());

const silent = { status: 0, stdout: '', stderr: '' };
const quick = 'prolog: { seconds: 2 }';

/** One line, which says what went wrong and not that the hook itself had to give up. */
function expectSaidOnce({ stderr, ...rest }: Awaited<ReturnType<HookPrograms['hook']>>, why: RegExp): void {
  expect(rest).toEqual({ status: 0, stdout: '' });
  expect(stderr).toMatch(why);
  expect(stderr.match(/\n/g)).toHaveLength(1);
}

async function expectNothingLeft(world: NodeWorld): Promise<void> {
  for (const name of ['run/runs', 'run/jobs']) expect(await readdir(world.path(name))).toEqual([]);
}

/** Takes connections, and says nothing; with `meet` it does that to each. */
async function startMute(meet: (socket: Socket) => void = () => undefined) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    meet(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    met: () => sockets.size,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** What each stream meets. */
type Behaviour = (stream: FakeStream) => void | Promise<void>;

function serveAll(broker: FakeBroker, behaviour: Behaviour): void {
  void (async () => {
    for (;;) {
      const stream = await broker.nextStream();
      void stream.over.then(() => stream.end());
      void behaviour(stream);
    }
  })();
}

const welcomed = async (stream: FakeStream) => {
  await stream.next('hello');
  stream.send(runWelcome());
  await stream.next('open');
};

const late = /could not be fetched in time/;
/** The last is the settings of the agent. What a broker may yet think better of is asked for until the time is over. */
const brokers: readonly (readonly [string, RegExp, Behaviour, string?])[] = [
  ['that never says welcome', late, () => undefined],
  ['that ends each stream at once', late, (stream) => stream.end()],
  [
    'that ends each stream after the welcome',
    late,
    async (stream) => {
      await welcomed(stream);
      stream.end();
    },
  ],
  ['that never opens what was asked for', late, welcomed],
  [
    'that opens and sends no files',
    late,
    async (stream) => {
      await welcomed(stream);
      stream.send(opened({}));
    },
  ],
  [
    'that opens and ends the stream',
    late,
    async (stream) => {
      await welcomed(stream);
      stream.send(opened({}));
      stream.end();
    },
  ],
  ['that is full', late, (stream) => stream.refuse('overloaded')],
  ['that has trouble of its own', late, (stream) => stream.refuse('internal')],
  [
    'that does not know the run',
    /is not known/,
    (stream) => stream.refuse('workload_unknown'),
    'prolog: { seconds: 10 }',
  ],
  ['that says the run has ended', /is ending/, (stream) => stream.refuse('workload_ended'), patientProlog],
  [
    'that says it is of another user',
    /was refused/,
    (stream) => stream.refuse('credential_wrong_workload'),
    patientProlog,
  ],
  [
    'that refuses the bundle',
    /site's policy/,
    async (stream) => {
      await welcomed(stream);
      stream.send({ refused: { bundle: 'db', code: 'not_granted', message: '', retryAfterMs: 0 } });
    },
    patientProlog,
  ],
];

describe('the hooks of a node, with a broker', () => {
  it.each(
    brokers.map(([what, why, behaviour, settings = quick]) => [what, why, behaviour, settings] as const),
  )('%s, end with 0 in time, say so once, and leave nothing', async (_what, why, behaviour, settings) => {
    await using broker = await startFakeBroker({ wantsClients: true });
    await using world = await createNodeWorld(broker, settings);
    await world.start();
    serveAll(broker, behaviour);
    expectSaidOnce(await programs.hook(world, 'prolog'), why);
    const task = await programs.taskProlog(world);
    expect(task.status).toBe(1);
    expect(task.stdout).toMatch(/^print leasehold: [A-Z][^\n]+\n$/);
    expect(await programs.hook(world, 'epilog')).toEqual(silent);
    await expectNothingLeft(world);
    expect((await programs.taskProlog(world)).status).toBe(1);
  });

  it('that accepts connections and is silent, or hangs up, do the same', async () => {
    for (const meet of [undefined, (socket: Socket) => socket.destroy()]) {
      await using broker = await startFakeBroker({ wantsClients: true });
      await using mute = await startMute(meet);
      await using world = await createNodeWorld({ ...broker, address: mute.address }, quick);
      await world.start();
      expectSaidOnce(await programs.hook(world, 'prolog'), late);
      expect(world.marker()).toContain('state=failed\n');
      expect(await programs.hook(world, 'epilog')).toEqual(silent);
      await expectNothingLeft(world);
    }
  });

  it('one of which is silent on open connections, get what the other one has in time', async () => {
    await using broker = await startFakeBroker({ wantsClients: true });
    await using mute = await startMute();
    // As by default: less than a connection to somebody who is not there takes.
    await using world = await createNodeWorld(broker, 'prolog: { seconds: 8 }');
    const config = world.path('node-agent.yaml');
    const text = await readFile(config, 'utf8');
    await writeFile(config, text.replace(`"${broker.address}"`, `["${mute.address}", "${broker.address}"]`));
    await world.start();
    serveAll(broker, async (stream) => {
      await stream.next('hello');
      stream.send(runWelcome({ job: job(), bundles: [] }));
    });
    let last = 100;
    const job = () => last;
    // Each run draws an order of its own.
    for (; last < 106; last += 1)
      expect([last, await world.hook('prolog', slurmd({ SLURM_JOB_ID: last }))]).toEqual([last, 'OK\n']);
    expect(mute.met()).toBeGreaterThan(0);
  });

  it('that no longer listens at the end, wipe all the same', async () => {
    for (const end of ['away', 'deaf'] as const) {
      await using broker = await startFakeBroker({ wantsClients: true });
      await using world = await createNodeWorld(broker);
      await world.start();
      const prolog = programs.hook(world, 'prolog');
      const stream = await broker.nextStream();
      await welcomed(stream);
      stream.send(opened({}));
      stream.send(generation({ login: { user: 'u', password: 'p' } }));
      await stream.next('delivered');
      expect(await prolog).toEqual(silent);
      // Deaf: it takes in what is said, and never ends the stream.
      if (end === 'away') await broker[Symbol.asyncDispose]();
      expect(await programs.hook(world, 'epilog')).toEqual(silent);
      await expectNothingLeft(world);
    }
  });
});

describe('what somebody has put in the way of an agent', () => {
  it.each(['run', 'run/runs', 'run/jobs', 'run/state', 'run/own'])(
    'keeps it from starting, when %s is a link',
    async (name) => {
      await using broker = await startFakeBroker({ wantsClients: true });
      await using world = await createNodeWorld(broker);
      if (name !== 'run') await mkdir(world.path('run'));
      await mkdir(world.path('elsewhere'));
      await writeFile(world.path('elsewhere/kept'), 'kept');
      await symlink(world.path('elsewhere'), world.path(name));
      const agent = world.spawn(...world.config);
      expect(await agent.exit).toBe(1);
      expect(agent.output()).toContain('delivery_unsafe');
      expect(await readdir(world.path('elsewhere'))).toEqual(['kept']);
    },
  );

  it('ends one that cannot listen where hooks ask, rather than that it stays and answers nobody', async () => {
    await using broker = await startFakeBroker({ wantsClients: true });
    await using world = await createNodeWorld(broker);
    await mkdir(world.socket);
    const agent = world.spawn(...world.config);
    expect(await agent.exit).toBe(2);
    expect(agent.output()).toContain('something else is there');
  });

  it('fails the run whose folder is a link or a file, and touches nothing behind it', async () => {
    for (const plant of ['link', 'file'] as const) {
      await using broker = await startFakeBroker({ wantsClients: true });
      await using world = await createNodeWorld(broker);
      await world.start();
      await mkdir(world.path('elsewhere'));
      const folder = world.path('run/runs/7-1700000000');
      if (plant === 'link') await symlink(world.path('elsewhere'), folder);
      else await writeFile(folder, 'x');
      serveAll(broker, async (stream) => {
        await stream.next('hello');
        stream.send(runWelcome());
      });
      expectSaidOnce(await programs.hook(world, 'prolog'), /was refused/);
      expect(world.marker()).toContain('state=failed\n');
      expect(await programs.hook(world, 'epilog')).toEqual(silent);
      await expectNothingLeft(world);
      expect(await readdir(world.path('elsewhere'))).toEqual([]);
    }
  });

  it('in the place of a marker is replaced, never followed, and goes with the run', async () => {
    await using broker = await startFakeBroker({ wantsClients: true });
    await using world = await createNodeWorld(broker);
    await world.start();
    await writeFile(world.path('victim'), 'kept');
    await symlink(world.path('victim'), world.path('run/jobs/7'));
    serveAll(broker, async (stream) => {
      await stream.next('hello');
      stream.send(runWelcome({ bundles: [] }));
    });
    expect(await programs.hook(world, 'prolog')).toEqual(silent);
    expect(lstatSync(world.path('run/jobs/7')).isFile()).toBe(true);
    expect(world.marker()).toContain('state=nothing\n');
    expect(await programs.hook(world, 'epilog')).toEqual(silent);
    expect(await readFile(world.path('victim'), 'utf8')).toBe('kept');
  });

  it('while it was away is removed at its start, and links are not followed', async () => {
    await using broker = await startFakeBroker({ wantsClients: true });
    await using world = await createNodeWorld(broker);
    const first = await world.start();
    first.signal('SIGKILL');
    await first.exit;
    await mkdir(world.path('elsewhere'));
    await writeFile(world.path('elsewhere/kept'), 'kept');
    await symlink(world.path('elsewhere'), world.path('run/runs/8-1700000000'));
    await symlink(world.path('elsewhere/kept'), world.path('run/state/8-1700000000.json'));
    await symlink(world.path('elsewhere/kept'), world.path('run/jobs/8'));
    await mkdir(world.path('run/runs/9-1/deep'), { recursive: true });
    await mkdir(world.path('run/state/9-1.json'));
    await world.start();
    for (const name of ['runs', 'jobs', 'state'])
      expect(await readdir(world.path(`run/${name}`))).toEqual([]);
    expect(await readFile(world.path('elsewhere/kept'), 'utf8')).toBe('kept');
    expect(existsSync(world.path('elsewhere'))).toBe(true);
  });
});
