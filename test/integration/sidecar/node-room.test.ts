import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import { hasNoswap, mayMount } from '../../support/may-mount.ts';
import { startFakeBroker, type FakeBroker, type FakeStream } from '../../unit/sidecar/fake-broker.ts';
import { generation, opened, runWelcome, sessionA, sessionB } from '../../unit/sidecar/messages.ts';
import { createNodeWorld, patientProlog, slurmd, user, type NodeWorld } from './node-world.ts';

const clients = { wantsClients: true };
const folder = 'run/runs/7-1700000000';
/** Time enough to try it once; without room it is tried until then. */
const quick = 'prolog: { seconds: 10 }';

/** A node whose agent mounts what it needs: 1 MiB for the files of runs. Unmounted at the end. */
async function createMountedWorld(broker: FakeBroker, more = patientProlog): Promise<NodeWorld> {
  const world = await createNodeWorld(broker, more);
  const config = world.path('node-agent.yaml');
  const text = await readFile(config, 'utf8');
  await writeFile(config, text.replace('mount: never', 'mount: auto, sizeMiB: 1'));
  return {
    ...world,
    [Symbol.asyncDispose]: async () => {
      for (const name of ['run/runs', 'run/own/runs', 'run'])
        spawnSync('umount', ['--lazy', world.path(name)], { stdio: 'ignore' });
      await world[Symbol.asyncDispose]();
    },
  };
}

/** A login of that many bytes; the values lie there once more, for the agent itself, and a third longer. */
const loginOf = (kibibytes: number, mark: string) => ({
  user: mark,
  password: mark.repeat(kibibytes * 1_024),
});

interface Given {
  readonly login: ReturnType<typeof loginOf>;
  readonly session?: string;
  readonly id?: string;
  readonly number?: number;
}

async function offer(stream: FakeStream, given: Given, job = 7): Promise<void> {
  await stream.next('hello');
  stream.send(runWelcome({ job }));
  await stream.next('open');
  stream.send(opened({ session: given.session ?? sessionA }));
  stream.send(generation(given));
}

const asUser = (script: string) =>
  spawnSync('sh', ['-c', script], { uid: user.uid, gid: user.gid, encoding: 'utf8', env: {} });

const generationsIn = async (world: NodeWorld, path: string) =>
  (await readdir(world.path(path))).filter((name) => /^\.\.\d/.test(name));

describe.runIf(mayMount)('the room of a node', () => {
  it('is one that jobs can write to nowhere, whatever their files belong to', async () => {
    await using broker = await startFakeBroker(clients);
    await using world = await createMountedWorld(broker);
    const agent = await world.start();
    const prolog = world.hook('prolog');
    const stream = await broker.nextStream();
    await offer(stream, { login: { user: 'u', password: 'p' } });
    await stream.next('delivered');
    expect(await prolog).toBe('OK\n');
    const file = world.path(`${folder}/db/password.txt`);
    expect(statSync(file)).toMatchObject(user);
    expect(world.marker()).toContain(`dir=${world.path(folder)}\n`);
    expect(asUser(`cat ${file}`).stdout).toBe('p');
    for (const attempt of [
      `chmod u+w ${file}`,
      `touch ${file}`,
      `rm -f ${file}`,
      `ln ${file} ${world.path(`${folder}/more`)}`,
      `mkdir ${world.path(`${folder}/more`)}`,
      `ls ${world.path('run/own')}`,
      `cat ${world.path('run/own/runs/7-1700000000/db/password.txt')}`,
      `ls ${world.path('run/runs')}`,
    ])
      expect([attempt, asUser(attempt).status === 0]).toEqual([attempt, false]);
    // Nor root by that way: it is the mount that refuses.
    expect(spawnSync('sh', ['-c', `echo x >> ${file}`]).status).not.toBe(0);
    expect(await readFile(file, 'utf8')).toBe('p');

    // The next process finds the mounts, and with them the files.
    agent.signal('SIGKILL');
    await agent.exit;
    await world.start();
    expect(await world.hook('prolog')).toBe('OK\n');
    expect(await world.hook('epilog')).toBe('OK\n');
    expect(await readdir(world.path('run/runs'))).toEqual([]);
    expect(execFileSync('grep', ['-c', world.path('run'), '/proc/self/mounts'], { encoding: 'utf8' })).toBe(
      '3\n',
    );
  });

  it('is out of swap where the agent mounts it and the kernel can', async () => {
    await using broker = await startFakeBroker(clients);
    await using world = await createMountedWorld(broker);
    const agent = await world.start();
    const options = execFileSync('grep', [world.path('run'), '/proc/self/mountinfo'], { encoding: 'utf8' });
    expect(options.match(/,noswap/g) ?? []).toHaveLength(hasNoswap ? 3 : 0);
    expect(agent.output().includes('files may be swapped to a disk')).toBe(!hasNoswap);
  });

  it('is made up by the next process when one was killed in the middle of it', async () => {
    await using broker = await startFakeBroker(clients);
    await using world = await createMountedWorld(broker);
    // As far as the first two mounts.
    await mkdir(world.path('run'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'leasehold', world.path('run')]);
    await mkdir(world.path('run/own/runs'), { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'leasehold', world.path('run/own/runs')]);
    const agent = await world.start();
    expect(agent.output()).toContain('files may be swapped to a disk');
    const prolog = world.hook('prolog');
    const stream = await broker.nextStream();
    await offer(stream, { login: { user: 'u', password: 'p' } });
    expect(await prolog).toBe('OK\n');
    expect(existsSync(world.path('run/own/runs/7-1700000000/db/password.txt'))).toBe(true);
    expect(asUser(`chmod u+w ${world.path(`${folder}/db/password.txt`)}`).status).not.toBe(0);
    expect((statSync(world.path('run/own')).mode & 0o777).toString(8)).toBe('700');
  });

  it('that is used up fails the next run with the reason, and no marker nor other run for it', async () => {
    await using broker = await startFakeBroker(clients);
    await using world = await createMountedWorld(broker, quick);
    const agent = await world.start();
    const first = world.hook('prolog');
    const stream = await broker.nextStream();
    await offer(stream, { login: loginOf(300, 'a') });
    await stream.next('delivered');
    expect(await first).toBe('OK\n');

    const second = world.hook('prolog', slurmd({ SLURM_JOB_ID: 8 }));
    const other = await broker.nextStream();
    await offer(other, { login: loginOf(300, 'b'), session: sessionB }, 8);
    expect(await second).toMatch(/^FAIL This node has no room for the credentials of this job/);
    expect(world.marker(8)).toContain('state=failed\n');
    expect(world.marker(8)).toContain('why=This node has no room');
    expect((await other.next('release')).sessionId).toBe(sessionB);
    await other.over;
    other.end();
    await vi.waitFor(async () => expect(await readdir(world.path('run/runs'))).toEqual(['7-1700000000']));
    await vi.waitFor(() => expect(agent.output()).toContain('delivery_no_space'));

    // Not a byte is left for files, and those who need none are let in all the same.
    spawnSync('sh', ['-c', `cat /dev/zero > ${world.path('run/own/runs/full')}`]);
    const third = world.hook('prolog', slurmd({ SLURM_JOB_ID: 9 }));
    const needless = await broker.nextStream();
    await needless.next('hello');
    needless.send(runWelcome({ job: 9, bundles: [] }));
    expect(await third).toBe('OK\n');
    expect(world.marker(9)).toContain('state=nothing\n');
    expect(world.marker(7)).toContain('state=delivered\n');
    for (const job of [7, 8, 9])
      expect(await world.hook('epilog', slurmd({ SLURM_JOB_ID: job }))).toBe('OK\n');
    expect(await readdir(world.path('run/runs'))).toEqual(['full']);
    expect(await readdir(world.path('run/jobs'))).toEqual([]);
  });

  it('that a rotation does not find leaves the generation before, across a kill too, until there is some', async () => {
    await using broker = await startFakeBroker(clients);
    await using world = await createMountedWorld(broker);
    const agent = await world.start();
    const prolog = world.hook('prolog');
    const stream = await broker.nextStream();
    const before = loginOf(250, 'a');
    await offer(stream, { login: before });
    await stream.next('delivered');
    expect(await prolog).toBe('OK\n');
    const password = () => readFile(world.path(`${folder}/db/password.txt`), 'utf8');
    const names = await generationsIn(world, `${folder}/db`);
    const next = { id: 'gen_bbbbbbbbbbbbbbbbbbbbbbbbbb', number: 2 };
    stream.send(generation({ login: loginOf(250, 'b'), ...next }));
    await vi.waitFor(() => expect(agent.output()).toContain('the one before stays'));
    expect(await password()).toBe(before.password);
    expect(world.marker()).toContain('state=delivered\n');

    agent.signal('SIGKILL');
    await agent.exit;
    await world.start();
    const again = await broker.nextStream();
    await again.next('hello');
    again.send(runWelcome());
    expect(await again.next('open')).toMatchObject({ generationId: 'gen_aaaaaaaaaaaaaaaaaaaaaaaaaa' });
    expect(await generationsIn(world, `${folder}/db`)).toEqual(names);
    expect(await password()).toBe(before.password);
    expect(world.marker()).toContain('state=delivered\n');
    again.send(opened({ resumed: true }));
    await again.next('delivered');
    again.send(generation({ login: loginOf(10, 'c'), ...next, number: 3 }));
    expect((await again.next('delivered')).generationId).toBe(next.id);
    expect(await password()).toBe(loginOf(10, 'c').password);
    expect(await generationsIn(world, `${folder}/db`)).toHaveLength(1);
    expect(await world.hook('epilog')).toBe('OK\n');
    expect(await readdir(world.path('run/runs'))).toEqual([]);
  });
});
