import { appendFile, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, type CanonicalValue } from '../../../src/audit/canonical-json.ts';
import { openAudit } from '../../../src/audit/open-audit.ts';
import { readAudit } from '../../../src/audit/read.ts';
import { verifyAudit } from '../../../src/audit/verify.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { Secret } from '../../../src/platform/secret.ts';
import { createTempFolder } from '../../support/temp-folder.ts';

const open = (file: string) =>
  openAudit({
    file,
    hmacKey: Secret.ofText('0123456789abcdef'),
    maxWaitMs: 5_000,
    clock: systemClock,
    log: silentLog,
  });

/** A closed chain of `start`, five opens and `stop`. */
async function aChain(folder: string): Promise<string> {
  const file = join(folder, 'audit.log');
  await using audit = await open(file);
  await Promise.all(
    [1, 2, 3, 4, 5].map((count) => audit.record({ action: 'open', outcome: 'ok', bundle: 'db', count })),
  );
  return file;
}

describe('the audit chain', () => {
  it('verifies, goes on after a restart, and keeps the order of calls', async () => {
    await using folder = await createTempFolder();
    const file = await aChain(folder.path);
    await (await open(file))[Symbol.asyncDispose]();
    expect(await verifyAudit({ files: [file] })).toMatchObject({ ok: true, records: 9 });
    const counts = [];
    for await (const record of readAudit({ files: [file], filter: { bundle: 'db' } }))
      counts.push(record.count);
    expect(counts).toEqual([1, 2, 3, 4, 5]);
  });

  it.each([
    [
      'an edited record',
      (lines: string[]) => void (lines[3] = (lines[3] ?? '').replace('"db"', '"dc"')),
      5,
      'broken_link',
    ],
    ['a deleted record', (lines: string[]) => void lines.splice(3, 1), 4, 'gap'],
    [
      'two records in the other order',
      (lines: string[]) => void lines.splice(2, 2, lines[3] ?? '', lines[2] ?? ''),
      3,
      'gap',
    ],
    [
      'an added carriage return',
      (lines: string[]) => void (lines[3] = `${lines[3] ?? ''}\r`),
      4,
      'not_canonical',
    ],
    [
      'another encoding of the same record',
      (lines: string[]) => void (lines[3] = (lines[3] ?? '').replace(',', ', ')),
      4,
      'not_canonical',
    ],
    ['a line that is no record', (lines: string[]) => void (lines[3] = '{}'), 4, 'not_a_record'],
  ])('shows %s, and where', async (_name, tamper, line, rule) => {
    await using folder = await createTempFolder();
    const file = await aChain(folder.path);
    const lines = (await readFile(file, 'utf8')).split('\n');
    tamper(lines);
    await writeFile(file, lines.join('\n'));
    expect(await verifyAudit({ files: [file] })).toMatchObject({ ok: false, fault: { line, rule } });
  });

  it('shows a cut tail to whoever holds a later head', async () => {
    await using folder = await createTempFolder();
    const file = await aChain(folder.path);
    const whole = await verifyAudit({ files: [file] });
    const head = whole.ok ? whole.head : '';
    const lines = (await readFile(file, 'utf8')).split('\n');
    await writeFile(file, `${lines.slice(0, 4).join('\n')}\n`);
    expect(await verifyAudit({ files: [file] })).toMatchObject({ ok: true, records: 4 });
    expect(await verifyAudit({ files: [file], expectedHead: head })).toMatchObject({
      ok: false,
      fault: { rule: 'head_missing' },
    });
  });

  it('cuts a torn last line and says so', async () => {
    await using folder = await createTempFolder();
    const file = await aChain(folder.path);
    await appendFile(file, '{"action":"op');
    await (await open(file))[Symbol.asyncDispose]();
    expect(await verifyAudit({ files: [file] })).toMatchObject({ ok: true, records: 9 });
    expect(await readFile(file, 'utf8')).toContain('a torn last line was cut off');
  });

  it('refuses when the file is changed or replaced while it runs', async () => {
    await using folder = await createTempFolder();
    const file = join(folder.path, 'audit.log');
    await using audit = await open(file);
    await appendFile(file, '{}\n');
    await expect(audit.record({ action: 'open', outcome: 'ok' })).rejects.toMatchObject({
      code: 'audit_unavailable',
    });
    await truncate(file, (await readFile(file)).byteLength - 3);
    await audit.record({ action: 'open', outcome: 'ok' });
    await rename(file, `${file}.1`);
    await writeFile(file, '');
    await expect(audit.record({ action: 'open', outcome: 'ok' })).rejects.toMatchObject({
      code: 'audit_unavailable',
    });
  });

  it('records the first refusal of a stranger and counts the rest', async () => {
    await using folder = await createTempFolder();
    const file = join(folder.path, 'audit.log');
    {
      await using audit = await open(file);
      for (let index = 0; index < 100; index += 1) {
        await audit.recordStranger({
          action: 'attach',
          outcome: 'refused',
          code: 'credential_malformed',
          peer: '127.0.0.1',
        });
      }
    }
    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(4);
    expect(lines[2]).toContain('"count":99');
  });
});

describe('canonicalJson', () => {
  const value = fc.letrec<{ value: CanonicalValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.string({ unit: 'binary' }),
      fc.maxSafeInteger(),
      fc.boolean(),
      fc.array(tie('value')),
      fc.dictionary(fc.string(), tie('value')),
    ),
  })).value;

  it('gives the same value back and the same bytes again', () => {
    fc.assert(
      fc.property(value, (input) => {
        const text = canonicalJson(input);
        const parsed = JSON.parse(text) as CanonicalValue;
        expect(canonicalJson(parsed)).toBe(text);
        expect(text).not.toContain('\n');
      }),
    );
  });
});
