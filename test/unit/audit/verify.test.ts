import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAudit } from '../../../src/audit/open-audit.ts';
import { readAudit } from '../../../src/audit/read.ts';
import { verifyAudit } from '../../../src/audit/verify.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { Secret } from '../../../src/platform/secret.ts';
import { createTempFolder, type TempFolder } from '../../support/temp-folder.ts';

let folder: TempFolder;
let file: string;
beforeEach(async () => {
  folder = await createTempFolder({ name: 'audit' });
  file = join(folder.path, 'audit.jsonl');
  await using audit = await openAudit({
    file,
    hmacKey: Secret.ofText('0123456789abcdef'),
    maxWaitMs: 5_000,
    clock: systemClock,
    log: silentLog,
  });
  for (const reason of ['first', 'a \uFFFD in it', 'third'])
    await audit.record({ action: 'revoke', outcome: 'ok', reason });
});
afterEach(() => folder.remove());

const verify = (expectedHead?: string) =>
  verifyAudit({ files: [file], ...(expectedHead === undefined ? {} : { expectedHead }) });

describe('verifyAudit', () => {
  it('says when a file cannot be read', async () => {
    file = join(folder.path, 'none');
    await expect(verify()).rejects.toMatchObject({ code: 'audit_unavailable' });
  });

  it('tells a byte that stands for no character from the character shown in its place', async () => {
    const bytes = await readFile(file);
    const at = bytes.indexOf(Buffer.from('\uFFFD'));
    await writeFile(
      file,
      Buffer.concat([bytes.subarray(0, at), Buffer.from([0xff]), bytes.subarray(at + 3)]),
    );
    expect(await verify()).toMatchObject({ ok: false, fault: { line: 3, rule: 'not_canonical' } });
  });

  it('gives up a line that never ends, without reading all of it', async () => {
    const bytes = await readFile(file);
    await writeFile(file, Buffer.concat([bytes, Buffer.alloc(8 * 1024 * 1024, 0x20)]));
    expect(await verify()).toMatchObject({ ok: false, records: 5, fault: { line: 6, rule: 'torn' } });
  });

  it('follows one chain through several files, in the order given', async () => {
    const lines = (await readFile(file, 'utf8')).split('\n');
    const second = join(folder.path, 'second');
    await writeFile(file, `${lines.slice(0, 2).join('\n')}\n`);
    await writeFile(second, lines.slice(2).join('\n'));
    expect(await verifyAudit({ files: [file, second] })).toMatchObject({ ok: true, records: 5 });
    expect(await verifyAudit({ files: [second, file] })).toMatchObject({
      ok: false,
      fault: { file, line: 1, rule: 'out_of_order', seq: 1 },
    });
  });

  it('says that earlier records are in none of the files, and refuses that where they must be', async () => {
    const lines = (await readFile(file, 'utf8')).split('\n');
    await writeFile(file, lines.slice(2).join('\n'));
    expect(await verify()).toMatchObject({
      ok: true,
      firstSeq: 3,
      unchecked: [{ what: 'beginning', count: 2, isAsked: true }, { what: 'end' }],
    });
    expect(await verifyAudit({ files: [file], from: 2 })).toMatchObject({
      ok: false,
      fault: { line: 1, rule: 'gap', seq: 2, to: 2 },
    });
    expect(await verifyAudit({ files: [file], from: 3 })).toMatchObject({
      ok: true,
      unchecked: [{ what: 'end' }],
    });
  });

  it('finds another chain, and a new end in place of the old one', async () => {
    const whole = await verify();
    const lines = (await readFile(file, 'utf8')).split('\n');
    const other = join(folder.path, 'other');
    const first = file;
    await using audit = await openAudit({
      file: other,
      hmacKey: Secret.ofText('0123456789abcdef'),
      maxWaitMs: 5_000,
      clock: systemClock,
      log: silentLog,
    });
    expect(await verifyAudit({ files: [first, other] })).toMatchObject({
      ok: false,
      fault: { file: other, line: 1, rule: 'other_chain' },
    });
    expect(audit).toBeDefined();
    await writeFile(first, `${lines.slice(0, 4).join('\n')}\n`);
    await (
      await openAudit({
        file: first,
        hmacKey: Secret.ofText('0123456789abcdef'),
        maxWaitMs: 5_000,
        clock: systemClock,
        log: silentLog,
      })
    )[Symbol.asyncDispose]();
    expect(await verify()).toMatchObject({ ok: true, records: 6 });
    expect(await verify(whole.ok ? whole.head : '')).toMatchObject({
      ok: false,
      fault: { rule: 'head_missing' },
    });
  });

  it('finds any single byte that was changed, once the head is known', async () => {
    const whole = await verify();
    const head = whole.ok ? whole.head : '';
    const bytes = await readFile(file);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const edited = Buffer.from(bytes);
        edited[at] = (edited[at] ?? 0) ^ change;
        await writeFile(file, edited);
        expect((await verify(head)).ok).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});

describe('readAudit', () => {
  const actions = async (filter: Parameters<typeof readAudit>[0]['filter']) => {
    const found: string[] = [];
    for await (const { action, reason } of readAudit({ files: [file], filter })) found.push(reason ?? action);
    return found;
  };

  it('passes over lines that are no records', async () => {
    await writeFile(file, Buffer.concat([Buffer.from('{}\n\n[1\n'), await readFile(file)]));
    expect(await actions({})).toEqual(['start', 'first', 'a \uFFFD in it', 'third', 'stop']);
  });

  it('selects by time and facts', async () => {
    expect(await actions({ since: Date.now() + 60_000 })).toEqual([]);
    expect(await actions({ until: Date.now() + 60_000 })).toHaveLength(5);
    expect(await actions({ session: 'ses_none' })).toEqual([]);
  });
});
