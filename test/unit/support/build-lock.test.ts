import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TempFolder } from '../../support/temp-folder.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { takeBuildLock } from '../../support/tools/build-lock.ts';

const LOCK_MODULE = fileURLToPath(new URL('../../support/tools/build-lock.ts', import.meta.url));

/** A process that takes the lock, says so, and holds it until it is killed. */
const startHolder = async (path: string) => {
  const script = `
    const { takeBuildLock } = await import(${JSON.stringify(LOCK_MODULE)});
    await takeBuildLock({ path: ${JSON.stringify(path)} });
    process.stdout.write('held');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
};

describe('build lock', () => {
  let folder: TempFolder;
  let path: string;
  beforeEach(async () => {
    folder = await createTempFolder();
    path = join(folder.path, 'nested', 'build.lock');
  });
  afterEach(async () => {
    await folder.remove();
  });

  it('is not given to a second taker in the same process', async () => {
    const first = await takeBuildLock({ path });
    let told = 0;
    const stop = new AbortController();
    const second = takeBuildLock({ path, pollMs: 1, onWait: () => (told += 1), signal: stop.signal });
    while (told === 0) await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    await expect(second).rejects.toThrow();
    expect(told).toBe(1);
    first.release();
  });

  it('is given to a waiter when it is released, and not before', async () => {
    const first = await takeBuildLock({ path });
    const order: string[] = [];
    const second = takeBuildLock({ path, pollMs: 1, onWait: () => order.push('waits') }).then((lock) => {
      order.push('second has it');
      return lock;
    });
    while (order.length === 0) await new Promise((resolve) => setImmediate(resolve));
    order.push('first lets go');
    first.release();
    (await second).release();
    expect(order).toEqual(['waits', 'first lets go', 'second has it']);
  });

  it('is taken over from a process that was killed', async () => {
    const holder = await startHolder(path);
    let waits = 0;
    const taken = takeBuildLock({ path, pollMs: 1, onWait: () => (waits += 1) });
    while (waits === 0) await new Promise((resolve) => setImmediate(resolve));
    holder.kill('SIGKILL');
    (await taken).release();
    expect(waits).toBe(1);
  });

  it('may be released twice', async () => {
    const lock = await takeBuildLock({ path });
    lock.release();
    expect(() => lock.release()).not.toThrow();
  });
});
