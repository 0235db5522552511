import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, forArm64 } from '../../support/require.ts';
import { startFakeBroker } from '../../unit/sidecar/fake-broker.ts';
import { generation, opened, runWelcome, sessionA } from '../../unit/sidecar/messages.ts';
import { buildHookPrograms, type HookPrograms } from './hook-programs.ts';
import { createNodeWorld, slurmd } from './node-world.ts';

let programs: HookPrograms;
const silent = { status: 0, stdout: '', stderr: '' };

/** What nodes with another processor fork, made and run here, against an agent of this machine. */
describeWith(['arm64'], 'the programs that slurmd forks, on arm64', () => {
  beforeAll(async () => {
    programs = await buildHookPrograms(forArm64);
  });
  afterAll(() => programs[Symbol.asyncDispose]());

  it('are static programs for that processor', async () => {
    for (const name of ['leasehold-hook', 'leasehold-notify']) {
      const program = await readFile(join(programs.folder, name));
      // Of an ELF file: class, byte order, machine, and the kinds of its program headers, of which 3 asks for a loader.
      const [headers, count] = [Number(program.readBigUInt64LE(32)), program.readUInt16LE(56)];
      const kinds = Array.from({ length: count }, (_, at) => program.readUInt32LE(headers + at * 56));
      expect([name, program.subarray(4, 6), program.readUInt16LE(18)]).toEqual([name, Buffer.of(2, 1), 183]);
      expect(kinds).toContain(1);
      expect(kinds).not.toContain(3);
    }
  });

  it('fail no node where no agent answers, and no task starts', async () => {
    await using broker = await startFakeBroker({ wantsClients: true });
    await using world = await createNodeWorld(broker);
    const away = await programs.hook(world, 'epilog');
    expect(away).toMatchObject({ status: 0, stdout: '' });
    expect(away.stderr).toContain('cannot be reached');
    expect((await programs.taskProlog(world)).status).toBe(1);
  });

  it('serve a run from its prolog to its epilog', async () => {
    await using broker = await startFakeBroker({ wantsClients: true });
    await using world = await createNodeWorld(broker);
    await world.start();
    // An account of bytes that are no text goes through as well.
    const prolog = programs.hook(world, 'prolog', {
      ...slurmd(),
      SLURM_JOB_ACCOUNT: Buffer.from('f\xfcr', 'latin1'),
    });
    const stream = await broker.nextStream();
    await stream.next('hello');
    stream.send(runWelcome());
    await stream.next('open');
    stream.send(opened({ session: sessionA }));
    stream.send(generation({ session: sessionA, login: { user: 'u', password: 'p' } }));
    await stream.next('delivered');
    expect(await prolog).toEqual(silent);
    const dir = world.path('run/runs/7-1700000000');
    expect((await programs.taskProlog(world)).stdout).toContain(`export LEASEHOLD_DIR=${dir}\n`);
    expect(await programs.hook(world, 'epilog')).toEqual(silent);
    expect(await readdir(world.path('run/runs'))).toEqual([]);
    expect(world.marker(7)).toBeUndefined();
  });

  it('tell a program that asked for it, and no other', async () => {
    const dir = `/run/leasehold/runs/8-${1_700_000_000 + process.pid}`;
    // Waits without a child: between fork and exec that would be a second process with the trap.
    const listen = "trap 'echo told; exit' USR1; echo ready; while :; do read -r line; done";
    const start = (of: string) =>
      spawn('/bin/sh', ['-c', listen], { env: { LEASEHOLD_DIR: of, LEASEHOLD_SIGNAL: 'USR1' } });
    const [asked, other] = [start(dir), start(`${dir}0`)];
    try {
      await Promise.all([once(asked.stdout, 'data'), once(other.stdout, 'data')]);
      const heard = once(asked.stdout, 'data');
      expect(await programs.notify(dir)).toEqual({ ...silent, stdout: '1\n' });
      expect(String(await heard)).toBe('told\n');
      expect(other.exitCode).toBeNull();
    } finally {
      for (const child of [asked, other]) child.kill('SIGKILL');
    }
  });
});
