import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFakeBroker, type FakeStream } from '../../unit/sidecar/fake-broker.ts';
import { generation, opened, runWelcome, sessionA } from '../../unit/sidecar/messages.ts';
import { buildHookPrograms, type HookOutcome, type HookPrograms } from './hook-programs.ts';
import { createNodeWorld, slurmd, type NodeWorld } from './node-world.ts';

let programs: HookPrograms;
const hook: HookPrograms['hook'] = (...parameters) => programs.hook(...parameters);
const taskProlog: HookPrograms['taskProlog'] = (...parameters) => programs.taskProlog(...parameters);

beforeAll(async () => {
  programs = await buildHookPrograms();
});
afterAll(() => programs[Symbol.asyncDispose]());

async function deliver(stream: FakeStream, session = sessionA, welcome = runWelcome()): Promise<void> {
  await stream.next('hello');
  stream.send(welcome);
  await stream.next('open');
  stream.send(opened({ session }));
  stream.send(generation({ session, login: { user: 'u', password: 'p' } }));
  await stream.next('delivered');
}

async function left(world: NodeWorld): Promise<readonly string[]> {
  const names = [];
  for (const kind of ['runs', 'jobs']) names.push(...(await readdir(world.path(`run/${kind}`))));
  return names;
}

const silent: HookOutcome = { status: 0, stdout: '', stderr: '' };

describe('the programs that slurmd forks, and the agent', () => {
  it('take an epilog before its prolog, and one that comes again, for nothing to do', async () => {
    await using broker = await startFakeBroker({ wantsClients: true });
    await using world = await createNodeWorld(broker);
    await world.start();
    expect(await hook(world, 'epilog')).toEqual(silent);
    expect((await taskProlog(world)).status).toBe(1);
    const prolog = hook(world, 'prolog');
    const stream = await broker.nextStream();
    await deliver(stream);
    expect(await prolog).toEqual(silent);
    const dir = world.path('run/runs/7-1700000000');
    expect(await taskProlog(world)).toEqual({
      ...silent,
      stdout: `export LEASEHOLD_DIR=${dir}\nexport LEASEHOLD_JOB=7\n`,
    });
    expect(await Promise.all([hook(world, 'epilog'), hook(world, 'epilog')])).toEqual([silent, silent]);
    expect(await hook(world, 'epilog')).toEqual(silent);
    expect(await left(world)).toEqual([]);
    const after = await taskProlog(world);
    expect(after).toMatchObject({ status: 1, stderr: '' });
    expect(after.stdout).toMatch(/^print leasehold: The credentials of this job are not on this node/);
  });

  it.for(['SLURM_JOB_COMMENT', 'SPANK_LEASEHOLD', 'SLURM_JOB_ACCOUNT'])(
    'let a job start whose %s is not UTF-8',
    async (name) => {
      await using broker = await startFakeBroker({ wantsClients: true });
      await using world = await createNodeWorld(broker);
      await world.start();
      const odd = Buffer.from('f\xfcr\nSLURM_JOB_UID=0\xff', 'latin1');
      const prolog = hook(world, 'prolog', { ...slurmd(), [name]: odd });
      const stream = await broker.nextStream();
      await stream.next('hello');
      stream.send(runWelcome({ bundles: [] }));
      expect(await prolog).toEqual(silent);
      expect(world.marker()).toContain('state=nothing\n');
      expect(await taskProlog(world)).toMatchObject({ status: 0 });
    },
  );

  it('let no task of the next run pass by what the run before left when its epilog never came', async () => {
    await using broker = await startFakeBroker({ wantsClients: true });
    await using world = await createNodeWorld(broker);
    await world.start();
    const prolog = hook(world, 'prolog');
    await deliver(await broker.nextStream());
    await prolog;
    // slurmd was away: the job starts again, and no prolog either.
    const next = await taskProlog(world, slurmd({ SLURM_JOB_RESTART_COUNT: 1 }));
    expect(next).toMatchObject({ status: 1 });
    expect(next.stdout).toContain('belong to another run');
  });

  it('let tasks of a later component of a heterogeneous job find it by the id of the first', async () => {
    await using broker = await startFakeBroker({ wantsClients: true });
    await using world = await createNodeWorld(broker);
    const agent = await world.start();
    const component = slurmd({ SLURM_HET_JOB_ID: 6 });
    const prolog = hook(world, 'prolog', component);
    await deliver(await broker.nextStream());
    expect(await prolog).toEqual(silent);
    const task = () => taskProlog(world, slurmd({ SLURM_JOB_ID: 6 }));
    expect((await task()).stdout).toContain('7-1700000000');
    expect(await readFile(world.path('run/jobs/6.het'), 'utf8')).toBe(world.marker(7));
    agent.signal('SIGKILL');
    await agent.exit;
    await world.start();
    expect((await task()).status).toBe(0);
    expect(await hook(world, 'epilog', component)).toEqual(silent);
    expect(await left(world)).toEqual([]);
    expect(existsSync(world.path('run/jobs/6.het'))).toBe(false);
    expect((await task()).status).toBe(1);
  });
});
