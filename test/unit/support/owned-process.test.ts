import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { startProcess } from '../../support/parts/owned-process.ts';
import { waitFor, waitUntilReady } from '../../support/parts/wait-until-ready.ts';
import { createTempFolder } from '../../support/temp-folder.ts';

const MODULE = fileURLToPath(new URL('../../support/parts/owned-process.ts', import.meta.url));

const exists = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('a process that a test owns', () => {
  it('is killed when it will not end by itself', async () => {
    await using folder = await createTempFolder();
    const owned = await startProcess({
      name: 'stubborn',
      command: '/bin/sh',
      args: ['-c', "trap '' TERM; echo ready; while :; do sleep 0.05; done"],
      logFile: join(folder.path, 'log'),
      stopGraceMs: 50,
    });
    await waitUntilReady({ process: owned, ready: async () => owned.lastOutput().includes('ready') });
    await owned.stop();
    expect(exists(owned.pid)).toBe(false);
    await owned.stop();
  });

  it('is reported with its last words when it ends before it is ready', async () => {
    await using folder = await createTempFolder();
    const owned = await startProcess({
      name: 'broken',
      command: '/bin/sh',
      args: ['-c', 'echo no such flag; exit 1'],
      logFile: join(folder.path, 'log'),
    });
    await expect(waitUntilReady({ process: owned, ready: async () => false })).rejects.toThrow(
      'no such flag',
    );
  });

  it('rejects a program that does not exist', async () => {
    await using folder = await createTempFolder();
    const attempt = startProcess({
      name: 'absent',
      command: join(folder.path, 'absent'),
      args: [],
      logFile: join(folder.path, 'log'),
      cwd: join(folder.path, 'nowhere'),
    });
    await expect(attempt).rejects.toThrow();
  });

  it.skipIf(!existsSync('/usr/bin/setpriv'))('dies with a test process that is killed', async () => {
    await using folder = await createTempFolder();
    const options = {
      name: 'orphan',
      command: '/bin/sleep',
      args: ['600'],
      logFile: join(folder.path, 'log'),
    };
    const script = `
      const { startProcess } = await import(${JSON.stringify(MODULE)});
      const owned = await startProcess(${JSON.stringify(options)});
      process.stdout.write(String(owned.pid));
      setInterval(() => {}, 1000);`;
    const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = await new Promise<number>((resolve) => {
      owner.stdout.once('data', (data: Buffer) => resolve(Number(data.toString('utf8'))));
    });
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    await waitFor('the orphan to be gone', async () => !exists(pid));
  });
});
