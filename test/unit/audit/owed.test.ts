import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Debt } from '../../../src/audit/debt.ts';
import { openAudit, type OpenAuditOptions } from '../../../src/audit/open-audit.ts';
import { readAudit } from '../../../src/audit/read.ts';
import { verifyAudit } from '../../../src/audit/verify.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { Secret } from '../../../src/platform/secret.ts';
import { createTempFolder, type TempFolder } from '../../support/temp-folder.ts';

let folder: TempFolder;
let file: string;
let kept: Debt | undefined;
let owedEvents: number;
beforeEach(async () => {
  // In memory: the sync of a busy disk may take longer than a record waits here.
  folder = await createTempFolder({ name: 'audit-owed', parent: '/dev/shm' });
  file = join(folder.path, 'audit.jsonl');
  kept = undefined;
  owedEvents = 0;
});
afterEach(() => folder.remove());

const open = (options: Partial<OpenAuditOptions> = {}) =>
  openAudit({
    file,
    hmacKey: Secret.ofText('0123456789abcdef'),
    maxWaitMs: 2_000,
    clock: systemClock,
    log: silentLog,
    owed: {
      store: { write: async (debt) => void (kept = debt) },
      onOwed: () => (owedEvents += 1),
    },
    ...options,
  });
const revoked = (session: string) => ({ action: 'revoke', outcome: 'ok', session }) as const;
const records = async () => {
  const found = [];
  for await (const record of readAudit({ files: [file], filter: {} })) found.push(record);
  return found;
};
const sessions = async () => (await records()).flatMap(({ session }) => session ?? []);

describe('what goes on without its record', () => {
  it('is recorded at once where that is possible', async () => {
    await using audit = await open();
    expect(await audit.recordAnyway(revoked('s1'))).toBe(true);
    expect([audit.owed(), owedEvents, kept]).toEqual([0, 0, undefined]);
    expect((await records())[1]).not.toHaveProperty('happenedAt');
  });

  it('is owed while the log is away, and written in order, with its time, when it is back', async () => {
    await using audit = await open();
    await rename(file, `${file}.1`);
    const before = Date.now();
    for (const session of ['s1', 's2', 's3']) expect(await audit.recordAnyway(revoked(session))).toBe(false);
    expect([audit.owed(), owedEvents]).toEqual([3, 3]);
    await expect(audit.record({ action: 'open', outcome: 'ok' })).rejects.toMatchObject({
      code: 'audit_unavailable',
    });
    await rename(`${file}.1`, file);
    await vi.waitUntil(() => audit.owed() === 0);
    expect(await sessions()).toEqual(['s1', 's2', 's3']);
    for (const { session, happenedAt = '' } of await records())
      if (session !== undefined) expect(Date.parse(happenedAt)).toBeGreaterThanOrEqual(before);
    expect(await verifyAudit({ files: [file] })).toMatchObject({ ok: true });
  });

  it('has room for what nothing else keeps after it has none for what can wait elsewhere', async () => {
    await using audit = await open();
    await rename(file, `${file}.1`);
    const owe = (from: number, to: number) =>
      Promise.all(
        Array.from({ length: to - from }, (_none, index) => audit.recordAnyway(revoked(`s${from + index}`))),
      );
    await owe(0, 7_999);
    expect(audit.hasRoom()).toBe(true);
    await owe(7_999, 8_001);
    expect([audit.hasRoom(), audit.owed()]).toEqual([false, 8_001]);
    await rename(`${file}.1`, file);
    await vi.waitUntil(() => audit.owed() === 0, { timeout: 20_000 });
    expect(audit.hasRoom()).toBe(true);
    expect(await sessions()).toHaveLength(8_001);
  });

  it('outlives the broker in what keeps it, until it is written', async () => {
    const audit = await open();
    await rename(file, `${file}.1`);
    await audit.recordAnyway(revoked('s1'));
    await audit[Symbol.asyncDispose]();
    expect(kept).toMatchObject({ events: [{ session: 's1' }], lost: 0 });
    await rename(`${file}.1`, file);
    const again = await open();
    await rename(file, `${file}.1`);
    await again.recordAnyway(revoked('s2'));
    expect(kept).toMatchObject({ events: [{ session: 's2' }], lost: 0 });
    await rename(`${file}.1`, file);
    await again[Symbol.asyncDispose]();
    expect(await sessions()).toEqual(['s2']);
    expect(kept).toBeUndefined();
  });

  it('is counted where it is too much to keep', async () => {
    const audit = await open();
    await rename(file, `${file}.1`);
    for (let count = 0; count < 10_100; count += 1) void audit.recordAnyway(revoked(`s${count}`));
    await vi.waitUntil(() => audit.owed() === 10_100);
    await rename(`${file}.1`, file);
    await vi.waitUntil(() => audit.owed() === 0);
    await audit[Symbol.asyncDispose]();
    expect(new Set(await sessions()).size).toBe(10_000);
    expect((await records()).at(-2)).toMatchObject({ action: 'missed', outcome: 'failed', count: 100 });
  }, 60_000);
});

describe('a broker whose name another one has taken', () => {
  it('records nothing more', async () => {
    const lost = new AbortController();
    await using audit = await open({ lost: lost.signal, replica: 'broker-0' });
    await audit.record({ action: 'open', outcome: 'ok' });
    lost.abort();
    const before = await readFile(file);
    await expect(audit.record({ action: 'open', outcome: 'ok' })).rejects.toMatchObject({
      code: 'audit_unavailable',
    });
    expect(await readFile(file)).toEqual(before);
    expect((await records())[0]).toMatchObject({ action: 'start', replica: 'broker-0' });
  });
});
