import { chmod, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/platform/clock.ts';
import type { Clock } from '../../../src/platform/clock.ts';
import { createLog, silentLog } from '../../../src/platform/log.ts';
import type { Log } from '../../../src/platform/log.ts';
import { policyRevision } from '../../../src/policy/policy-file.ts';
import { createPolicyStore } from '../../../src/policy/policy-store.ts';
import type { PolicyReload, PolicyStore } from '../../../src/policy/policy-store.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { fullPolicy } from './policy-text.ts';

const other = fullPolicy.replaceAll('static', 'statics');
const invalid = fullPolicy.replace('ttl: 2m', 'ttl: hunter2');

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const part of opened.splice(0).reverse()) await part[Symbol.asyncDispose]();
});

/** Short pauses pass at once; the reloader's own interval never does, so that tests decide when it looks. */
const quickClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms > 1000 ? 2 ** 30 : 0, signal),
};

const start = async (text: string, options: { readonly log?: Log; readonly clock?: Clock } = {}) => {
  const folder = await createTempFolder({ name: 'policy' });
  opened.push(folder);
  const file = join(folder.path, 'policy.yaml');
  await writeFile(file, text, { mode: 0o600 });
  const reloads: PolicyReload[] = [];
  const store: PolicyStore = await createPolicyStore({
    file,
    clock: options.clock ?? quickClock,
    log: options.log ?? silentLog,
    onReload: (event) => void reloads.push(event),
  });
  opened.push(store);
  return { folder: folder.path, file, store, reloads };
};

describe('createPolicyStore', () => {
  it('does not start with an invalid, missing, oversized or foreign file', async () => {
    await expect(start(invalid)).rejects.toMatchObject({
      code: 'config_invalid',
      detail: expect.stringContaining('bundles.static.ttl') as string,
    });
    await expect(start('#'.repeat(1_048_577))).rejects.toMatchObject({
      code: 'config_invalid',
      detail: expect.stringContaining('too large') as string,
    });
    const folder = await createTempFolder();
    opened.push(folder);
    for (const file of [join(folder.path, 'none'), folder.path])
      await expect(
        createPolicyStore({ file, clock: quickClock, log: silentLog, onReload: () => undefined }),
      ).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('refuses a file that everyone can write', async () => {
    const { file, store, reloads } = await start(fullPolicy);
    await writeFile(file, other);
    await chmod(file, 0o666);
    await store.check();
    expect(store.revision).toBe(policyRevision(fullPolicy));
    expect(reloads).toMatchObject([
      { ok: false, error: { detail: expect.stringContaining('must not be writable by everyone') as string } },
    ]);
  });

  it('keeps the version before when the new one is invalid, says so once, and logs rules but no values', async () => {
    const lines: string[] = [];
    const log = createLog({
      level: 'debug',
      name: 'test',
      destination: { write: (line) => void lines.push(line) },
    });
    const { file, store, reloads } = await start(fullPolicy, { log });
    await writeFile(file, invalid);
    await store.check();
    await store.check();
    expect(store.revision).toBe(policyRevision(fullPolicy));
    expect(store.bundle('static')).toBeDefined();
    expect(reloads).toMatchObject([
      { ok: false, revision: policyRevision(invalid), error: { code: 'config_invalid' } },
    ]);
    expect(lines.join('')).toContain('bundles.static.ttl: must be a number with one of the units');
    expect(lines.join('')).not.toContain('hunter2');
  });

  it('keeps the version before while the file is gone, says so once, and goes on when it is back', async () => {
    const { file, store, reloads } = await start(fullPolicy);
    await rm(file);
    await store.check();
    await store.check();
    expect(store.bundle('static')).toBeDefined();
    expect(reloads).toMatchObject([{ ok: false, revision: '' }]);
    await writeFile(file, other);
    await store.check();
    expect(reloads).toHaveLength(2);
    expect(store.revision).toBe(policyRevision(other));
  });

  it('puts a new version in force as a whole and tells subscribers after that', async () => {
    const { file, store, reloads } = await start(fullPolicy);
    const seen: string[] = [];
    store.subscribe(() => {
      throw new Error('not my business');
    });
    store.subscribe(() => void seen.push(store.revision));
    const unsubscribe = store.subscribe(() => void seen.push('unsubscribed'));
    unsubscribe();
    await writeFile(file, other);
    await store.check();
    expect(seen).toEqual([policyRevision(other)]);
    expect(store.bundle('static')).toBeUndefined();
    expect(store.bundles().map(({ name }) => name)).toEqual(['app-db', 'statics']);
    expect(reloads).toEqual([{ ok: true, revision: policyRevision(other), error: undefined }]);
  });

  it('changes nothing when the same text is written again', async () => {
    const { file, store, reloads } = await start(fullPolicy);
    await writeFile(file, fullPolicy);
    await store.check();
    expect(reloads).toEqual([]);
  });

  it('follows a volume whose ..data link is swapped', async () => {
    const folder = await createTempFolder();
    opened.push(folder);
    const version = async (name: string, text: string) => {
      await mkdir(join(folder.path, name));
      await writeFile(join(folder.path, name, 'policy.yaml'), text, { mode: 0o644 });
      await symlink(name, join(folder.path, '..data_tmp'));
      await rename(join(folder.path, '..data_tmp'), join(folder.path, '..data'));
    };
    await version('..1', fullPolicy);
    const file = join(folder.path, 'policy.yaml');
    await symlink('..data/policy.yaml', file);
    const store = await createPolicyStore({
      file,
      clock: quickClock,
      log: silentLog,
      onReload: () => undefined,
    });
    opened.push(store);
    await version('..2', other);
    await store.check();
    expect(store.revision).toBe(policyRevision(other));
  });

  it('never takes a half-written file for a version', async () => {
    let write: (() => Promise<void>) | undefined;
    const clock: Clock = {
      ...quickClock,
      // The writer goes on between the two readings.
      sleep: async (ms, signal) => {
        await quickClock.sleep(ms, signal);
        await write?.();
        write = undefined;
      },
    };
    const { file, store, reloads } = await start(fullPolicy, { clock });
    await writeFile(file, other.slice(0, other.indexOf('  - name: no-debug')));
    write = () => writeFile(file, other);
    await store.check();
    expect(reloads).toEqual([{ ok: true, revision: policyRevision(other), error: undefined }]);
  });

  it('gives up on a file that never comes to rest, and looks by itself', async () => {
    let count = 0;
    const target = { file: '' };
    const clock: Clock = {
      ...systemClock,
      sleep: async (_, signal) => {
        await systemClock.sleep(0, signal);
        if (target.file !== '') await writeFile(target.file, `${other}# ${(count += 1)}`);
      },
    };
    const started = await start(fullPolicy, { clock });
    target.file = started.file;
    await expect
      .poll(() => started.reloads[0])
      .toMatchObject({
        ok: false,
        error: { detail: expect.stringContaining('does not stop changing') as string },
      });
    expect(started.store.revision).toBe(policyRevision(fullPolicy));
  });

  it('survives a report that fails', async () => {
    const folder = await createTempFolder();
    opened.push(folder);
    const file = join(folder.path, 'policy.yaml');
    await writeFile(file, fullPolicy);
    const onReload = () => Promise.reject(new Error('no'));
    const store = await createPolicyStore({ file, clock: quickClock, log: silentLog, onReload });
    opened.push(store);
    await writeFile(file, other);
    await store.check();
    expect(store.revision).toBe(policyRevision(other));
  });
});
