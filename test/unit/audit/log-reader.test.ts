import { appendFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { logsOf } from '../../../src/audit/file-set.ts';
import { createLogReader, type LogReader, type ToldRecord } from '../../../src/audit/log-reader.ts';
import { mergeLogs } from '../../../src/audit/merge-logs.ts';
import { openAudit, type OpenAuditOptions } from '../../../src/audit/open-audit.ts';
import { encodeRecord, noHash } from '../../../src/audit/record.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { Secret } from '../../../src/platform/secret.ts';
import { createTempFolder, type TempFolder } from '../../support/temp-folder.ts';

let folder: TempFolder;
let file: string;
beforeEach(async () => {
  folder = await createTempFolder({ name: 'log-reader' });
  file = join(folder.path, 'audit.jsonl');
});
afterEach(() => folder.remove());

const open = (options: Partial<OpenAuditOptions> = {}) =>
  openAudit({
    file,
    rotate: { maxBytes: 1_000, maxAgeMs: 3_600_000 },
    hmacKey: Secret.ofText('0123456789abcdef'),
    maxWaitMs: 5_000,
    clock: systemClock,
    log: silentLog,
    ...options,
  });
const event = (count: number) => ({ action: 'open', outcome: 'ok', count }) as const;
const line = (chain: string, seq: number, count: number) =>
  `${encodeRecord({ chain, seq, at: '2026-01-02T03:04:05.000Z', prev: noHash }, event(count))}\n`;

const readerOf = async (path = file): Promise<LogReader> => {
  const [log] = await logsOf([path]);
  if (log === undefined) throw new Error('no log');
  return createLogReader(log);
};
const all = async (records: AsyncGenerator<ToldRecord>) => {
  const found: ToldRecord[] = [];
  for await (const told of records) found.push(told);
  return found;
};
const counts = async (records: AsyncGenerator<ToldRecord>) =>
  (await all(records)).flatMap(({ record }) => record.count ?? []);

describe('a log reader', () => {
  it('tells each record once while the log grows and is rotated many times between two looks', async () => {
    await using audit = await open({ replica: 'broker-1' });
    const reader = await readerOf();
    const seen: number[] = [];
    const written: number[] = [];
    for (const many of [0, 1, 2, 25, 1, 40, 0, 3]) {
      for (let index = 0; index < many; index += 1) {
        const count = written.push(written.length);
        await audit.record(event(count - 1));
      }
      seen.push(...(await counts(reader.next())));
    }
    expect(seen).toEqual(written);
    const again = await all((await readerOf()).next());
    expect(again.flatMap(({ record }) => record.count ?? [])).toEqual(written);
    expect(new Set(again.map(({ replica }) => replica))).toEqual(new Set(['broker-1']));
  });

  it('waits for the end of a line, and passes over lines that are no records', async () => {
    await writeFile(file, line('a', 1, 1));
    const reader = await readerOf();
    expect(await counts(reader.next())).toEqual([1]);
    const next = line('a', 2, 2);
    await appendFile(file, next.slice(0, 40));
    expect(await counts(reader.next())).toEqual([]);
    await appendFile(file, `${next.slice(40)}nonsense\n${line('a', 3, 3)}`);
    expect(await counts(reader.next())).toEqual([2, 3]);
  });

  it('goes on with a new chain, after a file that was away for a moment, and after one that was cut', async () => {
    await writeFile(file, line('a', 1, 1) + line('a', 2, 2));
    const reader = await readerOf();
    expect(await counts(reader.next())).toEqual([1, 2]);
    await rename(file, join(folder.path, 'aside'));
    expect(await counts(reader.next())).toEqual([]);
    await writeFile(file, line('b', 1, 3));
    expect(await counts(reader.next())).toEqual([3]);
    await truncate(file, 0);
    expect(await counts(reader.next())).toEqual([]);
    await appendFile(file, line('b', 1, 3) + line('b', 2, 4));
    expect(await counts(reader.next())).toEqual([4]);
    await rm(file);
    expect(await counts(reader.next())).toEqual([]);
  });
});

describe('merged logs', () => {
  it('keep the order of each chain and go by time otherwise, whatever the clocks did', async () => {
    const logs = fc.array(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 8 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(logs, async (minutes) => {
        const readers = minutes.map((each, log): LogReader => ({
          next: async function* () {
            for (const [index, minute] of each.entries()) {
              const at = `2026-01-02T03:0${minute}:00.000Z`;
              const position = { v: 1, chain: String(log), seq: index + 1, at, prev: noHash } as const;
              yield { record: { ...position, action: 'open', outcome: 'ok' }, replica: undefined };
            }
          },
        }));
        const told = await all(mergeLogs(readers));
        minutes.forEach((each, log) => {
          const ofLog = told.filter(({ record }) => record.chain === String(log));
          expect(ofLog.map(({ record }) => record.seq)).toEqual(each.map((_, index) => index + 1));
        });
        if (minutes.every((each) => each.every((minute, index) => minute >= (each[index - 1] ?? 0)))) {
          const times = told.map(({ record }) => record.at);
          expect(times).toEqual(times.toSorted());
        }
      }),
    );
  });
});
