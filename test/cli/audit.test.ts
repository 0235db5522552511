import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAudit } from '../../src/audit/open-audit.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { Secret } from '../../src/platform/secret.ts';
import { createTempFolder } from '../support/temp-folder.ts';
import type { TempFolder } from '../support/temp-folder.ts';
import { runHere } from './run-here.ts';
import { runLeasehold } from './run-leasehold.ts';
import { createdAtMs } from './samples.ts';

let folder: TempFolder;
let file: string;

/** A log by the real writer, which adds the first and the last record by itself; an hour between the others. */
beforeAll(async () => {
  folder = await createTempFolder({ name: 'cli-audit' });
  file = join(folder.path, 'audit.jsonl');
  let hour = 0;
  await using audit = await openAudit({
    file,
    hmacKey: Secret.ofText('0123456789abcdef'),
    maxWaitMs: 5000,
    clock: { ...systemClock, now: () => createdAtMs + hour * 3_600_000 },
    log: silentLog,
  });
  hour = 1;
  await audit.record({
    action: 'issue',
    outcome: 'ok',
    actor: 'broker',
    pod: 'shop/api-7f9c',
    bundle: 'orders-db',
    session: 'ses_1',
    rule: 'shop-may-order',
  });
  hour = 2;
  await audit.record({
    action: 'open',
    outcome: 'refused',
    code: 'not_granted',
    peer: '10.0.0.9',
    bundle: 'orders-db',
  });
});

afterAll(async () => {
  await folder.remove();
});

describe('leasehold audit verify', () => {
  it('names the line where an edited log breaks, and ends with 1', async () => {
    const edited = join(folder.path, 'edited.jsonl');
    await writeFile(edited, (await readFile(file, 'utf8')).replace('shop-may-order', 'shop-may-lie'));
    const ran = await runLeasehold(['audit', 'verify', edited]);
    expect(ran).toEqual({
      status: 1,
      stdout:
        'Chain:        does not hold\n' +
        `File:         ${edited}\n` +
        'Line:         3\n' +
        'Concerns:     record 2\n' +
        'Because:      the record before it was changed\n' +
        'Good before:  2\n' +
        'Not checked:  that the end was not cut off: give a head that was kept elsewhere with --head\n',
      stderr: '',
    });
  });

  it('sees a cut-off end when it is given the head', async () => {
    const { stdout } = await runHere(['audit', 'verify', file, '-o', 'json']);
    const { head } = JSON.parse(stdout) as { head: string };
    const cut = join(folder.path, 'cut.jsonl');
    await writeFile(cut, `${(await readFile(file, 'utf8')).split('\n').slice(0, 3).join('\n')}\n`);
    expect((await runHere(['audit', 'verify', cut])).status).toBe(0);
    const ran = await runHere(['audit', 'verify', cut, '--head', head.toUpperCase(), '-o', 'json']);
    expect(ran.status).toBe(1);
    expect(JSON.parse(ran.stdout)).toEqual({
      ok: false,
      records: 3,
      chain: null,
      firstSeq: null,
      lastSeq: null,
      head: null,
      vouchedSeq: 0,
      fault: { file: cut, line: 3, rule: 'head_missing', seq: 1, to: 3 },
      unchecked: [],
    });
  });

  it('confirms a whole log', async () => {
    const ran = await runHere(['audit', 'verify', file]);
    expect(ran.status).toBe(0);
    expect(ran.stdout).toMatch(
      /^Chain: +holds\nRecords: +4 \(records 1 to 4\)\nId: +\S+\nHead: +[0-9a-f]{64}\nNot checked: .*\n$/,
    );
  });

  it('says with 3 that the beginning is missing, unless that is meant', async () => {
    const late = join(folder.path, 'late.jsonl');
    await writeFile(late, (await readFile(file, 'utf8')).split('\n').slice(2).join('\n'));
    const ran = await runHere(['audit', 'verify', late]);
    expect(ran.status).toBe(3);
    expect(ran.stdout).toContain('Not checked:  records 1 to 2: they are in none of the files');
    expect((await runHere(['audit', 'verify', late, '--from', '3'])).status).toBe(0);
    expect((await runHere(['audit', 'verify', late, '--from', '2'])).status).toBe(1);
  });

  it.each([
    [['audit', 'verify'], "missing required argument 'FILE'"],
    [['audit', 'verify', '/no/such/file'], '/no/such/file does not exist or cannot be read'],
    [['audit', 'verify', '/'], '/ is not a file'],
    [['audit', 'verify', 'x', '--head', 'abc'], '--head needs 64 hexadecimal digits'],
    [['audit', 'verify', 'x', '--from', '0'], '--from needs the number of a record'],
    [['audit', 'verify', 'x', '--key', '/no/key'], '/no/key does not exist or cannot be read'],
    [['audit', 'key', '/no/key'], '/no/key does not exist or cannot be read'],
    [['audit', 'show', 'x', '--pod', 'api'], '--pod needs NAMESPACE/NAME here'],
    [['audit', 'show', 'x', '--action', 'steal'], '--action needs the name of an action'],
    [['audit', 'show', 'x', '--since', 'yesterday'], '--since needs an instant or how long ago'],
  ])('is wrong use: %j', async (argv, said) => {
    const ran = await runHere(argv);
    expect([ran.status, ran.stdout]).toEqual([2, '']);
    expect(ran.stderr).toContain(said);
  });
});

describe('leasehold audit key', () => {
  it('makes a key for its owner alone and never in place of another', async () => {
    const key = join(folder.path, 'made.pem');
    const made = await runHere(['audit', 'key', '--make', key]);
    expect(made).toMatchObject({ status: 0, stderr: '' });
    expect(made.stdout).toMatch(/^-----BEGIN PUBLIC KEY-----\n.+\n-----END PUBLIC KEY-----\n$/);
    expect((await stat(key)).mode & 0o777).toBe(0o600);
    const before = await readFile(key);
    expect(await runHere(['audit', 'key', '--make', key])).toMatchObject({ status: 2, stdout: '' });
    expect(await readFile(key)).toEqual(before);
    expect((await runHere(['audit', 'key', key])).stdout).toBe(made.stdout);
  });

  it('prints nothing of a file that holds another thing', async () => {
    const other = join(folder.path, 'other.pem');
    await writeFile(other, 'hunter2');
    const ran = await runHere(['audit', 'key', other]);
    expect([ran.status, ran.stdout]).toEqual([2, '']);
    expect(ran.stderr).not.toContain('hunter2');
    expect((await runHere(['audit', 'verify', file, '--key', other])).stderr).toContain(
      '--key needs a file with an Ed25519 public key as PEM',
    );
    expect((await runHere(['audit', 'verify', file, '--head', other])).stderr).toContain(
      'holds no signed head',
    );
  });
});

describe('leasehold audit show', () => {
  it('prints what happened as a table', async () => {
    const ran = await runHere(['audit', 'show', file]);
    expect(ran.status).toBe(0);
    const lines = ran.stdout.split('\n').map((line) => line.split(/ {2,}/));
    expect(lines).toEqual([
      ['AT', 'WORKLOAD', 'BUNDLE', 'SESSION', 'WHAT HAPPENED'],
      ['2026-01-02T03:04:05.000Z', '-', '-', '-', 'broker opened the log'],
      ['2026-01-02T04:04:05.000Z', 'shop/api-7f9c', 'orders-db', 'ses_1', 'credentials made'],
      ['2026-01-02T05:04:05.000Z', '-', 'orders-db', '-', 'refused from 10.0.0.9, not_granted'],
      ['2026-01-02T05:04:05.000Z', '-', '-', '-', 'the broker closed the log'],
      [''],
    ]);
  });

  it('prints records as they stand in the file, one on each line', async () => {
    const ran = await runHere(['audit', 'show', file, '--session', 'ses_1', '-o', 'json']);
    const written = (await readFile(file, 'utf8')).split('\n')[1] ?? '';
    expect(ran.stdout).toBe(`${written}\n`);
  });

  it('selects by what a record says', async () => {
    const lines = async (...flags: readonly string[]) =>
      (await runHere(['audit', 'show', file, ...flags, '-o', 'json'])).stdout.split('\n').length - 1;
    expect(await lines('--namespace', 'shop')).toBe(1);
    expect(await lines('--namespace', 'sho')).toBe(0);
    expect(await lines('--action', 'open', '--bundle', 'orders-db')).toBe(1);
    expect(await lines('--job', '7')).toBe(0);
  });

  it('keeps to the given time', async () => {
    const both = await runHere(['audit', 'show', file, '--since', '2026-01-02T04:00:00Z', '-o', 'json']);
    expect(both.stdout.trimEnd().split('\n')).toHaveLength(3);
    const none = await runHere(['audit', 'show', file, '--until', '2026-01-01']);
    expect(none).toEqual({ status: 0, stdout: '', stderr: 'no record matches\n' });
  });
});

describe('leasehold audit export', () => {
  it('writes records as they stand in the file, or as CSV that no spreadsheet computes', async () => {
    const all = await runHere(['audit', 'export', file]);
    expect(all).toEqual({ status: 0, stdout: await readFile(file, 'utf8'), stderr: '' });
    const risky = join(folder.path, 'risky.jsonl');
    await writeFile(risky, (await readFile(file, 'utf8')).replace('shop-may-order', '=1+\\"1'));
    const csv = await runHere(['audit', 'export', risky, '--action', 'issue', '--format', 'csv']);
    const [head = '', row = '', ...rest] = csv.stdout.split('\r\n');
    expect(head.split(',').slice(0, 6)).toEqual(['v', 'chain', 'seq', 'at', 'prev', 'action']);
    expect(row).toContain(',issue,ok,,broker,');
    expect(row).toContain(`,"'=1+""1",`);
    expect(rest).toEqual(['']);
  });
});
