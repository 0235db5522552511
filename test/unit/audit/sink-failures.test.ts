import { appendFile, chmod, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuditHead } from '../../../src/audit/audit-tail.ts';
import { openAudit, type OpenAuditOptions } from '../../../src/audit/open-audit.ts';
import { verifyAudit } from '../../../src/audit/verify.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { Secret } from '../../../src/platform/secret.ts';
import { mountSmallDisk } from '../../support/small-disk.ts';
import { createTempFolder, type TempFolder } from '../../support/temp-folder.ts';
import { createManualClock } from '../backend/manual-clock.ts';
import { createFakeFiles } from './fake-files.ts';

let folder: TempFolder;
let file: string;
beforeEach(async () => {
  // In memory: the sync of a busy disk may take longer than a record waits here.
  folder = await createTempFolder({ name: 'audit', parent: '/dev/shm' });
  file = join(folder.path, 'audit.jsonl');
});
afterEach(() => folder.remove());

const open = (options: Partial<OpenAuditOptions> = {}) =>
  openAudit({
    file,
    hmacKey: Secret.ofText('0123456789abcdef'),
    maxWaitMs: 5_000,
    clock: systemClock,
    log: silentLog,
    ...options,
  });
const lines = async () => (await readFile(file, 'utf8')).split('\n').slice(0, -1);
const event = (count: number) => ({ action: 'open', outcome: 'ok', count }) as const;
const counts = async () =>
  (await lines()).map((line) => /"count":(\d+)/.exec(line)?.[1]).filter((count) => count !== undefined);
const unavailable = { code: 'audit_unavailable' };

describe('a disk that fails', () => {
  it.each([
    ['in the middle of a line', { code: 'EIO', afterBytes: 25 }],
    ['because it is full', { code: 'ENOSPC', afterBytes: 0 }],
  ])('%s refuses the record, leaves no part of it, and goes on afterwards', async (_name, failWrite) => {
    const files = createFakeFiles();
    await using audit = await open({ files });
    await audit.record(event(1));
    const before = await readFile(file);
    files.failWrite = failWrite;
    await expect(audit.record(event(2))).rejects.toMatchObject(unavailable);
    expect(await readFile(file)).toEqual(before);
    expect(audit.takesRecords()).toBe(false);
    files.failWrite = undefined;
    await audit.record(event(3));
    expect(audit.takesRecords()).toBe(true);
    expect(await counts()).toEqual(['1', '3']);
    expect(await verifyAudit({ files: [file] })).toMatchObject({ ok: true, records: 3 });
  });

  it('that cannot sync does not leave what it refused', async () => {
    const files = createFakeFiles();
    await using audit = await open({ files });
    files.failSync = 'EIO';
    await expect(audit.record(event(1))).rejects.toMatchObject(unavailable);
    files.failSync = undefined;
    await audit.record(event(2));
    expect(await counts()).toEqual(['2']);
    expect(await verifyAudit({ files: [file] })).toMatchObject({ ok: true });
  });

  it('that cannot even cut what was half written is cut before the next record', async () => {
    const files = createFakeFiles();
    await using audit = await open({ files });
    files.failWrite = { code: 'EIO', afterBytes: 25 };
    files.failTruncate = 'EIO';
    await expect(audit.record(event(1))).rejects.toMatchObject(unavailable);
    files.failWrite = undefined;
    await expect(audit.record(event(2))).rejects.toMatchObject(unavailable);
    files.failTruncate = undefined;
    await audit.record(event(3));
    expect(await counts()).toEqual(['3']);
    expect(await verifyAudit({ files: [file] })).toMatchObject({ ok: true, records: 2 });
  });

  it('that hangs refuses within the bounded wait, and what never began to be written stays out', async () => {
    const files = createFakeFiles();
    const clock = createManualClock();
    await using audit = await open({ files, maxWaitMs: 50, clock });
    let release: () => void = () => undefined;
    files.gate = new Promise((resolve) => (release = resolve));
    const first = audit.record(event(1));
    const second = audit.record(event(2));
    const refused = [first, second].map((record) => expect(record).rejects.toMatchObject(unavailable));
    clock.advance(50);
    await Promise.all(refused);
    release();
    files.gate = undefined;
    await audit.record(event(3));
    // The first was under way: it says more than happened, never less.
    expect(await counts()).toEqual(['1', '3']);
    expect(await verifyAudit({ files: [file] })).toMatchObject({ ok: true });
  });

  it('that hangs does not hold up the end', async () => {
    const files = createFakeFiles();
    const audit = await open({ files, maxWaitMs: 500 });
    let release: () => void = () => undefined;
    files.gate = new Promise((resolve) => (release = resolve));
    await audit[Symbol.asyncDispose]();
    release();
    await expect(audit.record(event(1))).rejects.toMatchObject(unavailable);
  });

  it('that is really full refuses, then goes on when there is room', async ({ skip }) => {
    await using disk = await mountSmallDisk(256);
    if (disk === undefined) return skip('may not mount a file system');
    file = join(disk.path, 'audit.jsonl');
    await using audit = await open();
    const fill = async () => {
      for (let count = 1; count < 10_000; count += 1)
        await audit.record({ ...event(count), reason: 'x'.repeat(400) });
    };
    await writeFile(join(disk.path, 'filler'), Buffer.alloc(128 * 1024));
    await expect(fill()).rejects.toMatchObject(unavailable);
    expect(await verifyAudit({ files: [file] })).toMatchObject({ ok: true });
    await rm(join(disk.path, 'filler'));
    await audit.record(event(0));
    expect(await verifyAudit({ files: [file] })).toMatchObject({ ok: true });
  });
});

describe('an event that cannot be written down', () => {
  it('is refused alone', async () => {
    await using audit = await open();
    const outcome = await Promise.allSettled([
      audit.record(event(1)),
      audit.record(event(0.5)),
      audit.record(event(3)),
    ]);
    expect(outcome.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await counts()).toEqual(['1', '3']);
  });

  it('is cut where it is longer than any reader accepts', async () => {
    await using audit = await open();
    await audit.record({
      ...event(1),
      reason: 'é'.repeat(100_000),
      paths: Array.from({ length: 1_000 }, () => 'p'.repeat(100)),
    });
    const endless = { ...event(2), paths: Array.from({ length: 256 }, () => '\u0001'.repeat(5_000)) };
    await expect(audit.record(endless)).rejects.toMatchObject(unavailable);
    await audit.record(event(3));
    expect(await verifyAudit({ files: [file] })).toMatchObject({ ok: true, records: 3 });
  });
});

describe('the file at the start', () => {
  const aChain = async () => {
    let head: AuditHead | undefined;
    {
      await using audit = await open({ onHead: (told) => (head = told) });
      await audit.record(event(1));
      await audit.record(event(2));
    }
    if (head === undefined) throw new Error('no head was told');
    return head;
  };
  const startRecord = async () => {
    await (await open())[Symbol.asyncDispose]();
    return (await lines()).at(-2);
  };

  it('is refused when it is a link, open to writes of others, or ends in what is no record', async () => {
    await symlink(join(folder.path, 'elsewhere'), file);
    await expect(open()).rejects.toMatchObject(unavailable);
    await rm(file);
    await writeFile(file, '');
    await chmod(file, 0o666);
    await expect(open()).rejects.toMatchObject(unavailable);
    await rm(file);
    await writeFile(file, '{"hello":1}\n', { mode: 0o600 });
    await expect(open()).rejects.toMatchObject(unavailable);
    expect(await readFile(file, 'utf8')).toBe('{"hello":1}\n');
  });

  it('is refused when one of its last records was changed or removed', async () => {
    await aChain();
    const [first = '', second = '', third = '', fourth = ''] = await lines();
    await writeFile(file, [first, second.replace('"count":1', '"count":7'), third, fourth, ''].join('\n'));
    await expect(open()).rejects.toMatchObject(unavailable);
    await writeFile(file, [first, third, fourth, ''].join('\n'));
    await expect(open()).rejects.toMatchObject(unavailable);
    await writeFile(file, [second, third, fourth, ''].join('\n'));
    await expect(open()).rejects.toMatchObject(unavailable);
  });

  it('is continued after what a power cut left of a write', async () => {
    await aChain();
    await appendFile(file, Buffer.concat([Buffer.alloc(4096), Buffer.from('"}\n{"action":"open"}\n{"act')]));
    expect(await startRecord()).toContain('a torn last line was cut off');
    expect(await verifyAudit({ files: [file] })).toMatchObject({ ok: true, records: 6 });
  });

  it('is made for its owner alone', async () => {
    await aChain();
    expect((await (await import('node:fs/promises')).stat(file)).mode & 0o777).toBe(0o600);
  });

  it('says in its first new record that a durable one is gone', async () => {
    const expectedHead = await aChain();
    await writeFile(file, `${(await lines()).slice(0, 2).join('\n')}\n`);
    await (await open({ expectedHead }))[Symbol.asyncDispose]();
    expect((await lines())[2]).toContain(
      `the log lacks record ${expectedHead.seq} of chain ${expectedHead.chain}`,
    );
    expect((await lines())[2]).toContain('"outcome":"failed"');
  });

  it('has nothing to say when the durable record is there', async () => {
    const expectedHead = await aChain();
    await (await open({ expectedHead }))[Symbol.asyncDispose]();
    expect((await lines())[4]).toContain('"action":"start"');
    expect((await lines())[4]).toContain('"outcome":"ok"');
  });
});
