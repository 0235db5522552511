import { stat } from 'node:fs/promises';
import { LeaseholdError } from '../platform/error.ts';
import { nodeAuditFileSystem } from './audit-file-system.ts';
import { type AuditHead, readTail } from './audit-tail.ts';
import { type LogFile, logsOf } from './file-set.ts';
import { linesOf } from './lines.ts';
import { hashLine, noHash, parseRecordLine, parseRecordText, type ReadRecord } from './record.ts';

/** Where a log stands to a position that somebody else kept of it. */
export type LogSince =
  /** The log has no record, or there is no log. */
  | { readonly kind: 'empty' }
  /** It ends there, or before: nothing has come since. */
  | { readonly kind: 'at_head'; readonly chain: string }
  /** It goes on after it; after nothing at all where no position of this chain was kept. */
  | {
      readonly kind: 'ahead';
      readonly chain: string;
      readonly seq: number;
      records(): AsyncGenerator<ReadRecord>;
    };

/**
 * Compares the log at `path`, with its rotated files, with the furthest position that `headOf` knows of its chain. The records after it are read
 * while they are asked for, each checked to follow from the one before. Throws `audit_unavailable` where the end of the log does not verify;
 * reading throws it where a record is missing or was changed.
 */
export async function readSince(
  path: string,
  headOf: (chain: string) => Promise<AuditHead | undefined>,
): Promise<LogSince> {
  const end = await endOf(path);
  if (end === undefined) return { kind: 'empty' };
  const head = (await headOf(end.chain)) ?? { chain: end.chain, seq: 0, hash: noHash };
  if (end.seq <= head.seq) return { kind: 'at_head', chain: end.chain };
  return { kind: 'ahead', chain: head.chain, seq: head.seq, records: () => follow(path, head, end) };
}

async function endOf(path: string): Promise<AuditHead | undefined> {
  const found = await stat(path).catch(() => undefined);
  // Whoever opens the log says what is wrong with it.
  if (found === undefined || !found.isFile()) return undefined;
  const file = await nodeAuditFileSystem.open(path, 'old').catch((cause: unknown) => {
    throw new LeaseholdError('audit_unavailable', { detail: 'the audit file cannot be opened', cause });
  });
  try {
    return (await readTail(file, found.size)).head;
  } finally {
    await file.close();
  }
}

async function* follow(path: string, head: AuditHead, end: AuditHead): AsyncGenerator<ReadRecord> {
  const files = filesFrom((await logsOf([path]))[0] ?? [], head.seq + 1);
  let at = head;
  for (const [index, file] of files.entries()) {
    const from = index === 0 ? await positionBefore(file.path, head.seq + 1) : 0;
    let isPart = from > 0;
    for await (const { bytes, isComplete } of linesOf(file.path, from)) {
      if (at.seq === end.seq) return;
      // The first line of the window may have begun before it.
      if (isPart) {
        isPart = false;
        continue;
      }
      const record = isComplete ? parseRecordLine(bytes) : undefined;
      if (record === undefined) throw broken(at.seq + 1, 'cannot be read');
      // Before the head; or in two files, where a rotation was cut short.
      if (record.seq <= at.seq) continue;
      if (record.chain !== at.chain || record.seq !== at.seq + 1) throw missing(at.seq + 1);
      if (record.prev !== at.hash) throw broken(record.seq, 'does not follow from the one before');
      at = { chain: record.chain, seq: record.seq, hash: hashLine(bytes) };
      yield record;
    }
  }
  if (at.seq !== end.seq) throw missing(at.seq + 1);
}

/** From the last file that begins at or before that record. */
function filesFrom(files: readonly LogFile[], seq: number): readonly LogFile[] {
  const first = files.findLastIndex(({ firstSeq }) => firstSeq <= seq);
  if (first === -1) throw missing(seq);
  return files.slice(first);
}

const firstWindow = 1024 * 1024;

/** Somewhere in the file, not after that record. Looked for from the end: after a crash a few records are asked for, of very many. */
async function positionBefore(path: string, seq: number): Promise<number> {
  const { size } = await stat(path);
  for (let window = firstWindow; window < size; window *= 8) {
    if ((await firstWholeAfter(path, size - window)) <= seq) return size - window;
  }
  return 0;
}

async function firstWholeAfter(path: string, from: number): Promise<number> {
  let isPart = true;
  for await (const { bytes } of linesOf(path, from)) {
    if (!isPart) return parseRecordText(bytes.toString('utf8'))?.seq ?? Infinity;
    isPart = false;
  }
  return Infinity;
}

function missing(seq: number): LeaseholdError {
  return new LeaseholdError('audit_unavailable', {
    detail:
      `the ledger knows less than the audit log, whose record ${seq} is not there: put its rotated files back beside it, ` +
      'or move all files of the log aside and lock again what was revoked and locked since',
  });
}

function broken(seq: number, how: string): LeaseholdError {
  return new LeaseholdError('audit_unavailable', {
    detail:
      `the ledger knows less than the audit log, whose record ${seq} ${how}: move all files of the log aside as evidence, ` +
      'and lock again what was revoked and locked since',
  });
}
