import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { open as openFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHeadsFile } from '../../../src/audit/heads-file.ts';
import { readKnownHeads } from '../../../src/audit/known-heads.ts';
import { openAudit, type OpenAuditOptions } from '../../../src/audit/open-audit.ts';
import { parseHeadLine, type SignedHead } from '../../../src/audit/signed-head.ts';
import { createHeadSigner, createHeadVerifier, publicPem } from '../../../src/audit/signing-keys.ts';
import { verifyAudit, type VerifyOptions } from '../../../src/audit/verify.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { Secret } from '../../../src/platform/secret.ts';
import { createTempFolder, type TempFolder } from '../../support/temp-folder.ts';
import { createManualClock } from '../backend/manual-clock.ts';

const newKey = () => generateKeyPairSync('ed25519').privateKey;
const verifierOf = (...keys: readonly KeyObject[]) => createHeadVerifier(keys.map(publicPem));

let folder: TempFolder;
let file: string;
let heads: SignedHead[];
const key = newKey();
beforeEach(async () => {
  folder = await createTempFolder({ name: 'audit-heads' });
  file = join(folder.path, 'audit.jsonl');
  heads = [];
});
afterEach(() => folder.remove());

const open = (keys: readonly KeyObject[] = [key], options: Partial<OpenAuditOptions> = {}) =>
  openAudit({
    file,
    hmacKey: Secret.ofText('0123456789abcdef'),
    maxWaitMs: 5_000,
    clock: systemClock,
    log: silentLog,
    ...(keys.length === 0
      ? {}
      : {
          signing: {
            signer: createHeadSigner(keys),
            pace: { everyRecords: 3, everyMs: 600_000 },
            onHead: (head) => heads.push(head),
          },
        }),
    ...options,
  });
const event = (count: number) => ({ action: 'open', outcome: 'ok', count }) as const;
const fill = async (records: number, keys?: readonly KeyObject[]) => {
  await using audit = await open(keys);
  for (let count = 1; count <= records; count += 1) await audit.record(event(count));
};
const lines = async () => (await readFile(file, 'utf8')).split('\n').slice(0, -1);
const put = (kept: readonly string[]) => writeFile(file, kept.map((line) => `${line}\n`).join(''));
const actions = async () => (await lines()).map((line) => /"action":"([a-z_]+)"/.exec(line)?.[1]);
const verify = (options: Omit<VerifyOptions, 'files'> = { keys: verifierOf(key) }) =>
  verifyAudit({ files: [file], ...options });
const keep = async (kept: readonly SignedHead[] = heads) => {
  const path = join(folder.path, 'heads.jsonl');
  await rm(path, { force: true });
  const kind = createHeadsFile({ path, log: silentLog, onFailure: () => expect.unreachable() });
  for (const head of kept) kind.add(head);
  await kind.close();
  return path;
};
const kept = async (given: readonly SignedHead[] = heads) => {
  const path = await keep(given);
  return { heads: { file: path, known: await readKnownHeads(path, verifierOf(key)) } };
};

describe('a chain with signed heads', () => {
  it('has one after the start, at its pace, and at the end', async () => {
    await fill(5);
    expect(await actions()).toEqual([
      ...['start', 'head', 'open', 'open', 'open', 'head', 'open', 'open', 'stop', 'head'],
    ]);
    expect(await verify()).toMatchObject({
      ok: true,
      records: 10,
      vouchedSeq: 9,
      unchecked: [{ what: 'end' }],
    });
    expect(heads.map(({ seq }) => seq)).toEqual([1, 5, 9]);
  });

  it('has one before a record that comes after its time, whatever the clock did', async () => {
    const clock = createManualClock();
    const audit = await open([key], { clock });
    await audit.record(event(1));
    clock.advance(600_000);
    await audit.record(event(2));
    expect((await actions()).slice(2)).toEqual(['open', 'head', 'open']);
    await audit[Symbol.asyncDispose]();
    expect(await verify()).toMatchObject({ ok: true });
  });

  it('goes on where its life was cut, with a head where one is due', async () => {
    await fill(2);
    await put((await lines()).slice(0, -2));
    await fill(1);
    expect(await actions()).toEqual([
      'start',
      'head',
      'open',
      'open',
      'start',
      'head',
      'open',
      'stop',
      'head',
    ]);
    expect(await verify()).toMatchObject({ ok: true });
  });

  it('is not continued without a key', async () => {
    await fill(1);
    await expect(open([])).rejects.toMatchObject({ code: 'audit_unavailable' });
  });

  it('may begin in the middle of a chain that had none', async () => {
    await fill(4, []);
    await fill(1);
    expect((await actions()).slice(6)).toEqual(['head', 'start', 'head', 'open', 'stop', 'head']);
    expect(await verify()).toMatchObject({ ok: true, records: 12 });
  });
});

describe('verification with a key', () => {
  it('refuses a chain without signed heads, and an empty file', async () => {
    await fill(3, []);
    expect(await verify()).toMatchObject({ ok: false, fault: { rule: 'unsigned', seq: 1, to: 5 } });
    await writeFile(file, '');
    expect(await verify()).toMatchObject({ ok: false, fault: { rule: 'unsigned' } });
  });

  it('refuses a chain that somebody else has signed', async () => {
    await fill(3, [newKey()]);
    expect(await verify()).toMatchObject({
      ok: false,
      fault: { rule: 'unsigned' },
      unchecked: expect.arrayContaining([{ what: 'other_keys', count: 3, isAsked: false }]) as unknown,
    });
  });

  it('refuses a new end that somebody else has written and signed, and says where it begins', async () => {
    await fill(5);
    const before = await lines();
    await put(before.slice(0, 6));
    await fill(6, [newKey()]);
    expect(await verify()).toMatchObject({
      ok: false,
      vouchedSeq: 5,
      fault: { rule: 'unsigned', seq: 7, to: 18, line: 10 },
    });
  });

  it('refuses a signature that was put under another position', async () => {
    await fill(5);
    const [first] = heads;
    await put((await lines()).slice(0, 4));
    const other = newKey();
    const forger = createHeadSigner([other]);
    await using audit = await open([], {
      signing: {
        // The right key's id, and its signature of an earlier head.
        signer: {
          keyIds: first?.keyIds ?? [],
          sign: () => first?.signatures ?? forger.sign(Buffer.alloc(0)),
        },
        pace: { everyRecords: 3, everyMs: 600_000 },
        onHead: () => undefined,
      },
    });
    await audit.record(event(7));
    expect(await verify()).toMatchObject({
      ok: false,
      fault: { rule: 'bad_signature', seq: 2, to: 6, line: 6 },
    });
  });

  it('takes either key while keys change, and tells which heads it could not check', async () => {
    const next = newKey();
    await fill(2);
    await fill(2, [next, key]);
    expect(await verify()).toMatchObject({ ok: true, unchecked: [{ what: 'end' }] });
    expect(await verify({ keys: verifierOf(next) })).toMatchObject({
      ok: true,
      unchecked: [{ what: 'end' }, { what: 'other_keys', count: 2 }],
    });
    await fill(2, [next]);
    expect(await verify({ keys: verifierOf(next, key) })).toMatchObject({
      ok: true,
      unchecked: [{ what: 'end' }],
    });
    expect(await verify()).toMatchObject({ ok: false, fault: { rule: 'unsigned' } });
  });
});

describe('verification with heads kept elsewhere', () => {
  it('finds a cut-off end, also with an honest restart on top', async () => {
    await fill(5);
    const whole = await kept();
    expect(await verify(whole)).toMatchObject({ ok: true, vouchedSeq: 9 });
    await put((await lines()).slice(0, 6));
    expect(await verify(whole)).toMatchObject({
      ok: false,
      vouchedSeq: 5,
      fault: { rule: 'truncated', seq: 7, to: 9, line: 6 },
    });
    await fill(9);
    expect(await verify(whole)).toMatchObject({
      ok: false,
      fault: { rule: 'replaced', seq: 6, to: 9, line: 9 },
    });
  });

  it('finds another chain in place of the log', async () => {
    await fill(5);
    const whole = await kept();
    await rm(file);
    await fill(9);
    expect(await verify(whole)).toMatchObject({ ok: false, fault: { rule: 'head_missing' } });
  });

  it('does not take a head that was not signed, and says what it could not use', async () => {
    await fill(5);
    const path = await keep();
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('"seq":5', '"seq":4'));
    const forged = { heads: { file: path, known: await readKnownHeads(path, verifierOf(key)) } };
    expect(await verify(forged)).toMatchObject({
      ok: false,
      fault: { file: path, line: 2, rule: 'bad_signature' },
    });
    await writeFile(path, `${text}{"v":1\n`);
    const torn = { heads: { file: path, known: await readKnownHeads(path, verifierOf(key)) } };
    expect(await verify(torn)).toMatchObject({
      ok: true,
      unchecked: [{ what: 'signatures' }, { what: 'unreadable_heads', count: 1, isAsked: true }],
    });
    expect((await readKnownHeads(path, verifierOf(newKey()))).unknownKey).toBe(3);
  });
});

describe('the file of heads', () => {
  it('that cannot be written stops nobody', async () => {
    let failures = 0;
    const kind = createHeadsFile({
      path: join(folder.path, 'none', 'heads'),
      log: silentLog,
      onFailure: () => (failures += 1),
    });
    await fill(1);
    for (const head of heads) kind.add(head);
    await kind.close();
    expect(failures).toBe(2);
  });

  it('in a folder that hangs keeps the newest heads, and no more than a burst of them', async () => {
    let failures = 0;
    const path = join(folder.path, 'heads');
    // Opening a pipe that nobody reads waits as a folder does whose server is away.
    execFileSync('mkfifo', [path]);
    const kind = createHeadsFile({ path, log: silentLog, onFailure: () => (failures += 1) });
    await fill(1);
    const [head] = heads;
    if (head === undefined) throw new RangeError('no head');
    for (let seq = 1; seq <= 1_000; seq += 1) kind.add({ ...head, seq });
    // The one that is being written, and a hundred that wait.
    expect(failures).toBe(899);
    await using pipe = await openFile(path, 'r+');
    await kind.close();
    const { buffer, bytesRead } = await pipe.read(Buffer.alloc(100_000));
    const written = buffer.toString('utf8', 0, bytesRead).split('\n').slice(0, -1);
    expect(written.map((line) => parseHeadLine(line)?.seq)).toEqual([
      1,
      ...Array.from({ length: 100 }, (_, index) => 901 + index),
    ]);
  });

  it('holds lines of which each is read back as it was, and nothing else is one', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(parseHeadLine(text)).toBeUndefined();
      }),
    );
  });
});
