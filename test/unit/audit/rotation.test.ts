import { generateKeyPairSync } from 'node:crypto';
import { link, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AuditFileSystem, nodeAuditFileSystem } from '../../../src/audit/audit-file-system.ts';
import { filesOfLogs } from '../../../src/audit/file-set.ts';
import { openAudit, type OpenAuditOptions } from '../../../src/audit/open-audit.ts';
import { readAudit } from '../../../src/audit/read.ts';
import { createHeadSigner, createHeadVerifier, publicPem } from '../../../src/audit/signing-keys.ts';
import { verifyAudit } from '../../../src/audit/verify.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { Secret } from '../../../src/platform/secret.ts';
import { createTempFolder, type TempFolder } from '../../support/temp-folder.ts';
import { createManualClock } from '../backend/manual-clock.ts';

let folder: TempFolder;
let file: string;
beforeEach(async () => {
  folder = await createTempFolder({ name: 'audit-rotation' });
  file = join(folder.path, 'audit.jsonl');
});
afterEach(() => folder.remove());

const unavailable = { code: 'audit_unavailable' };
const key = generateKeyPairSync('ed25519').privateKey;
const open = (options: Partial<OpenAuditOptions> = {}) =>
  openAudit({
    file,
    rotate: { maxBytes: 1_000, maxAgeMs: 3_600_000 },
    hmacKey: Secret.ofText('0123456789abcdef'),
    maxWaitMs: 5_000,
    clock: systemClock,
    log: silentLog,
    signing: {
      signer: createHeadSigner([key]),
      pace: { everyRecords: 4, everyMs: 600_000 },
      onHead: () => undefined,
    },
    ...options,
  });
const event = (count: number) => ({ action: 'open', outcome: 'ok', count }) as const;
const verify = async () =>
  verifyAudit({ files: await filesOfLogs([file]), keys: createHeadVerifier([publicPem(key)]) });
const counts = async () => {
  const found: number[] = [];
  for await (const { action, count } of readAudit({ files: await filesOfLogs([file]), filter: {} }))
    if (action === 'open' && count !== undefined) found.push(count);
  return found;
};
const names = async () => (await readdir(folder.path)).sort();

/** The file system of a process that is killed before its nth change: nothing after that happens. */
function killedAt(step: number): AuditFileSystem & { readonly steps: () => number } {
  let steps = 0;
  const alive = <T>(run: () => Promise<T>): Promise<T> => {
    steps += 1;
    return steps > step ? Promise.reject(new Error('killed')) : run();
  };
  return {
    ...nodeAuditFileSystem,
    steps: () => steps,
    link: (path, name) => alive(() => nodeAuditFileSystem.link(path, name)),
    rename: (path, name) => alive(() => nodeAuditFileSystem.rename(path, name)),
    unlink: (path) => alive(() => nodeAuditFileSystem.unlink(path)),
    syncFolder: (path) => alive(() => nodeAuditFileSystem.syncFolder(path)),
    open: async (path, which) => {
      const opened = await alive(() => nodeAuditFileSystem.open(path, which));
      return {
        stat: () => opened.stat(),
        read: (into, offset, length, at) => opened.read(into, offset, length, at),
        // Half of a write may be there.
        write: async (bytes, offset) => {
          const half = offset + Math.ceil((bytes.byteLength - offset) / 2);
          return alive(() => opened.write(bytes.subarray(offset, half), 0));
        },
        truncate: (size) => alive(() => opened.truncate(size)),
        datasync: () => alive(() => opened.datasync()),
        close: () => opened.close(),
      };
    },
  };
}

describe('a log with a largest size', () => {
  it('goes on in a new file, under names that sort as its records do', async () => {
    {
      await using audit = await open();
      for (let count = 1; count <= 12; count += 1) await audit.record(event(count));
    }
    const found = await names();
    expect(found.length).toBeGreaterThan(4);
    expect(found.at(-1)).toBe('audit.jsonl');
    expect(found.slice(0, -1).every((name) => /^audit-\d{12}-\d{8}T\d{6}Z\.jsonl$/.test(name))).toBe(true);
    expect(await filesOfLogs([file])).toEqual(found.map((name) => join(folder.path, name)));
    for (const name of found) expect((await readFile(join(folder.path, name), 'utf8')).at(-1)).toBe('\n');
    const second = (await readFile(join(folder.path, found[1] ?? ''), 'utf8')).split('\n')[0];
    expect(second).toContain(`"reason":"goes on after ${found[0]}"`);
    expect(await verify()).toMatchObject({ ok: true, firstSeq: 1 });
    expect(await counts()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect((await stat(join(folder.path, found[0] ?? ''))).mode & 0o777).toBe(0o600);
  });

  it('tells which file lacks, and which was put back from an older copy', async () => {
    {
      await using audit = await open();
      for (let count = 1; count <= 12; count += 1) await audit.record(event(count));
    }
    const all = await filesOfLogs([file]);
    expect(await verifyAudit({ files: all.filter((_, index) => index !== 2) })).toMatchObject({
      ok: false,
      fault: { file: all[3], line: 1, rule: 'gap' },
    });
    expect(await verifyAudit({ files: all.slice(2) })).toMatchObject({
      ok: true,
      unchecked: [{ what: 'beginning' }, { what: 'end' }, { what: 'signatures' }],
    });
    const whole = await readFile(all[1] ?? '', 'utf8');
    await writeFile(all[1] ?? '', whole.split('\n').slice(0, 2).join('\n') + '\n');
    expect(await verifyAudit({ files: all })).toMatchObject({
      ok: false,
      fault: { file: all[2], rule: 'gap' },
    });
  });

  it('takes the files of its own chain only, in any order', async () => {
    await writeFile(join(folder.path, 'audit-000000000001-20200101T000000Z.jsonl'), '{}\n');
    {
      await using audit = await open();
      for (let count = 1; count <= 6; count += 1) await audit.record(event(count));
    }
    const all = await filesOfLogs([file]);
    expect(all).not.toContain(join(folder.path, 'audit-000000000001-20200101T000000Z.jsonl'));
    expect(await filesOfLogs(all.toReversed())).toEqual(all);
    expect(await verify()).toMatchObject({ ok: true });
  });
});

describe('a log with a largest age', () => {
  it('goes on in a new file when the first record is that old', async () => {
    const clock = createManualClock();
    const audit = await open({ clock, rotate: { maxBytes: 1e9, maxAgeMs: 60_000 } });
    await audit.record(event(1));
    expect(await names()).toHaveLength(1);
    clock.advance(60_000);
    await audit.record(event(2));
    expect(await names()).toHaveLength(2);
    await audit[Symbol.asyncDispose]();
    // An old file is over at the start too.
    clock.advance(60_000);
    await (await open({ clock, rotate: { maxBytes: 1e9, maxAgeMs: 60_000 } }))[Symbol.asyncDispose]();
    expect(await names()).toHaveLength(3);
    expect(await verify()).toMatchObject({ ok: true });
  });
});

describe('a rotation that is cut', () => {
  it('between any two steps leaves a log that goes on without a gap', async () => {
    let step = 0;
    for (let isDone = false; !isDone; step += 1) {
      await rm(folder.path, { recursive: true });
      await (await import('node:fs/promises')).mkdir(folder.path);
      const files = killedAt(step);
      const acknowledged: number[] = [];
      try {
        const audit = await open({ files, rotate: { maxBytes: 400, maxAgeMs: 3_600_000 } });
        for (let count = 1; count <= 3; count += 1) {
          await audit.record(event(count));
          acknowledged.push(count);
        }
        isDone = true;
      } catch (error) {
        expect(error).toMatchObject(unavailable);
      }
      {
        await using audit = await open();
        await audit.record(event(4));
      }
      expect(await verify(), `killed before step ${step}`).toMatchObject({ ok: true, firstSeq: 1 });
      const found = await counts();
      // It may say more than was acknowledged, never less.
      expect(found.filter((count) => acknowledged.includes(count))).toEqual(acknowledged);
      expect(found.at(-1)).toBe(4);
      expect((await names()).some((name) => name.endsWith('.next'))).toBe(false);
    }
    expect(step).toBeGreaterThan(30);
  }, 60_000);

  it('by an error is tried again, and refuses until it succeeds', async () => {
    for (const call of ['link', 'rename', 'open'] as const) {
      let failing = false;
      const unless = <T>(failed: typeof call, run: () => Promise<T>): Promise<T> =>
        failing && failed === call
          ? Promise.reject(Object.assign(new Error('disk'), { code: 'ENOSPC' }))
          : run();
      const files: AuditFileSystem = {
        ...nodeAuditFileSystem,
        open: (path, which) => unless('open', () => nodeAuditFileSystem.open(path, which)),
        link: (path, name) => unless('link', () => nodeAuditFileSystem.link(path, name)),
        rename: (path, name) => unless('rename', () => nodeAuditFileSystem.rename(path, name)),
      };
      file = join(folder.path, `${call}.jsonl`);
      await using audit = await open({ files });
      await audit.record({ ...event(1), reason: 'x'.repeat(1_000) });
      failing = true;
      await expect(audit.record(event(2))).rejects.toMatchObject(unavailable);
      await expect(audit.record(event(3))).rejects.toMatchObject(unavailable);
      failing = false;
      await audit.record(event(4));
      expect(await counts()).toEqual([1, 4]);
      expect(await verify()).toMatchObject({ ok: true });
    }
  });

  it('at the name of another file refuses, and leaves that file alone', async () => {
    const clock = createManualClock();
    const audit = await open({ clock });
    await audit.record({ ...event(1), reason: 'x'.repeat(1_000) });
    const time = `${new Date(clock.now()).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
    const taken = join(folder.path, `audit-000000000001-${time}.jsonl`);
    await writeFile(taken, 'mine');
    await expect(audit.record(event(2))).rejects.toMatchObject(unavailable);
    expect(await readFile(taken, 'utf8')).toBe('mine');
    await rm(taken);
    await audit.record(event(3));
    expect(await counts()).toEqual([1, 3]);
    await audit[Symbol.asyncDispose]();
  });
});

describe('a file that somebody touches while the broker runs', () => {
  const unlimited = { rotate: { maxBytes: 1e9, maxAgeMs: 1e12 } };

  it.each<[string, () => Promise<unknown>, () => Promise<unknown>]>([
    [
      'edited, size and time as before',
      async () => {
        const before = await stat(file);
        await writeFile(file, (await readFile(file, 'utf8')).replace('"count":1', '"count":9'));
        await utimes(file, before.atime, before.mtime);
      },
      async () => writeFile(file, (await readFile(file, 'utf8')).replace('"count":9', '"count":1')),
    ],
    ['moved away', () => rename(file, `${file}.1`), () => rename(`${file}.1`, file)],
    [
      'removed',
      () => rename(file, `${file}.1`),
      async () => writeFile(file, await readFile(`${file}.1`), { mode: 0o600 }),
    ],
    [
      'replaced by an older copy of itself',
      async () => {
        const text = await readFile(file, 'utf8');
        await rename(file, `${file}.1`);
        await writeFile(file, `${text.split('\n').slice(0, -2).join('\n')}\n`, { mode: 0o600 });
      },
      () => rename(`${file}.1`, file),
    ],
    [
      'replaced by an edited copy',
      async () => {
        const text = await readFile(file, 'utf8');
        await rename(file, `${file}.1`);
        await writeFile(file, text.replace('"count":1', '"count":9'), { mode: 0o600 });
      },
      async () => writeFile(file, await readFile(`${file}.1`), { mode: 0o600 }),
    ],
  ])('refuses when it was %s, and goes on without a gap when it is back', async (_what, harm, mend) => {
    await using audit = await open(unlimited);
    await audit.record(event(1));
    await audit.record(event(2));
    await harm();
    await expect(audit.record(event(3))).rejects.toMatchObject(unavailable);
    await expect(audit.record(event(4))).rejects.toMatchObject(unavailable);
    await mend();
    await audit.record(event(5));
    expect(await counts()).toEqual([1, 2, 5]);
    expect(await verify()).toMatchObject({ ok: true });
  });

  it('goes on when it only got another name or another time', async () => {
    await using audit = await open(unlimited);
    await audit.record(event(1));
    await link(file, `${file}.backup`);
    await audit.record(event(2));
    await utimes(file, 0, 0);
    await audit.record(event(3));
    expect(await counts()).toEqual([1, 2, 3]);
  });

  it('finds an edit anywhere in a long file', async () => {
    await using audit = await open(unlimited);
    await Promise.all(Array.from({ length: 4_000 }, (_, count) => audit.record(event(count))));
    const bytes = await readFile(file);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const edited = Buffer.from(bytes);
        edited[at] = (edited[at] ?? 0) ^ change;
        await writeFile(file, edited);
        await expect(audit.record(event(0))).rejects.toMatchObject(unavailable);
      }),
      { numRuns: 10 },
    );
    await writeFile(file, bytes);
    await audit.record(event(5_000));
    expect(await verify()).toMatchObject({ ok: true });
  });
});
