import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { silentLog } from '../../../src/platform/log.ts';
import { startHealth } from '../../../sidecar/health.ts';
import { createMemoryFolder } from './memory-folder.ts';

describe('the health of a sidecar', () => {
  it('is told by HTTP', async () => {
    const state = { isStarted: false, isReady: false };
    await using health = await startHealth({
      listen: { host: '127.0.0.1', port: 0 },
      startedFile: undefined,
      readyFile: undefined,
      state: () => state,
      metrics: () => 'metric 1\n',
      log: silentLog,
    });
    const ask = async (path: string) => (await fetch(`http://127.0.0.1:${health.port ?? 0}${path}`)).status;
    expect([await ask('/healthz'), await ask('/startz'), await ask('/readyz')]).toEqual([200, 503, 503]);
    state.isStarted = true;
    state.isReady = true;
    expect([await ask('/startz'), await ask('/readyz'), await ask('/metrics'), await ask('/x')]).toEqual([
      200, 200, 200, 404,
    ]);
  });

  it('is told by files, which an earlier process cannot have left behind', async () => {
    await using folder = await createMemoryFolder();
    const startedFile = join(folder.path, 'started');
    const readyFile = join(folder.path, 'ready');
    await writeFile(startedFile, '');
    await writeFile(readyFile, '');
    const state = { isStarted: false, isReady: false };
    const health = await startHealth({
      listen: undefined,
      startedFile,
      readyFile,
      state: () => state,
      metrics: () => '',
      log: silentLog,
    });
    expect(existsSync(startedFile) || existsSync(readyFile)).toBe(false);
    state.isStarted = true;
    state.isReady = true;
    health.update();
    await vi.waitFor(() => expect(existsSync(startedFile) && existsSync(readyFile)).toBe(true));
    state.isReady = false;
    health.update();
    await vi.waitFor(() => expect(existsSync(readyFile)).toBe(false));
    expect(existsSync(startedFile)).toBe(true);
    await health[Symbol.asyncDispose]();
    expect(existsSync(startedFile)).toBe(false);
  });

  it('refuses to start where it cannot listen', async () => {
    const options = {
      listen: { host: '127.0.0.1', port: 0 },
      startedFile: undefined,
      readyFile: undefined,
      state: () => ({ isStarted: false, isReady: false }),
      metrics: () => '',
      log: silentLog,
    };
    await using first = await startHealth(options);
    await expect(
      startHealth({ ...options, listen: { host: '127.0.0.1', port: first.port ?? 0 } }),
    ).rejects.toMatchObject({ code: 'config_invalid' });
  });
});
