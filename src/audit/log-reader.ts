import { stat } from 'node:fs/promises';
import { type Log, logsOf } from './file-set.ts';
import { linesOf } from './lines.ts';
import { parseRecordText, type ReadRecord } from './record.ts';

/** A record, and who wrote it. */
export interface ToldRecord {
  readonly record: ReadRecord;
  /** Name of the broker, from the `start` before it; undefined where none was read, or it names nobody. */
  readonly replica: string | undefined;
}

/** Reads one log while it grows and its files are rotated away. Calls must not overlap. */
export interface LogReader {
  /**
   * What has been written since the last call, whole lines only, in the order of the chain. Lines that are no records are passed over. Throws
   * `audit_unavailable` when a file cannot be read.
   */
  next(): AsyncGenerator<ToldRecord>;
}

export function createLogReader(log: Log): LogReader {
  const growing = log.at(-1)?.path ?? '';
  let files: Log | undefined = log;
  let chain: string | undefined;
  let seq = 0;
  let replica: string | undefined;
  let offset = 0;
  let inode: number | undefined;

  function take(line: Buffer): ReadRecord | undefined {
    const record = parseRecordText(line.toString('utf8'));
    if (record === undefined) return undefined;
    // A new chain counts from 1 again.
    if (record.chain !== chain) [chain, seq, replica] = [record.chain, 0, undefined];
    if (record.seq <= seq) return undefined;
    seq = record.seq;
    if (record.action === 'start') replica = record.replica;
    return record;
  }

  async function* read(path: string, from: number): AsyncGenerator<ToldRecord> {
    offset = from;
    for await (const { bytes, isComplete } of linesOf(path, from)) {
      // Half a line is written on, or cut off.
      if (!isComplete) return;
      offset += bytes.length + 1;
      const record = take(bytes);
      if (record !== undefined) yield { record, replica };
    }
  }

  async function* readAll(all: Log): AsyncGenerator<ToldRecord> {
    for (const [index, { path }] of all.entries()) {
      const following = all[index + 1];
      if (following?.chain === chain && (following?.firstSeq ?? Infinity) <= seq + 1) continue;
      yield* read(path, 0);
    }
  }

  return {
    next: async function* () {
      const now = await stat(growing).catch(() => undefined);
      // Moved away, and the next one is not there yet.
      if (now === undefined) return;
      const isOther = inode !== undefined && (now.ino !== inode || now.size < offset);
      // With the inode of before the look-up: what is rotated away meanwhile is noticed at the next call.
      if (isOther) files = (await logsOf([growing]))[0];
      inode = now.ino;
      if (files !== undefined) {
        const all = files;
        files = undefined;
        yield* readAll(all);
      } else if (now.size > offset) yield* read(growing, offset);
    },
  };
}
