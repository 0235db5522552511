import { LeaseholdError } from '../platform/error.ts';
import type { OpenFile } from './audit-file-system.ts';
import { hashLine, longestLine, parseRecordLine, type ReadRecord } from './record.ts';
import type { FirstRecord } from './rotated-name.ts';
import { type HeadDue, signedHeadOf } from './signed-head.ts';

/** A durable position in a chain. */
export interface AuditHead {
  readonly chain: string;
  readonly seq: number;
  /** SHA-256, hex, of the bytes of that record's line, without its newline. */
  readonly hash: string;
}

/** Where the records of a file end. */
export interface AuditTail {
  /** First record of the file; undefined in one without any. */
  readonly first: FirstRecord | undefined;
  /** Last record; undefined in a file without any. */
  readonly head: AuditHead | undefined;
  /** Hashes of the last records by number, as far back as was read. */
  readonly recent: ReadonlyMap<number, string>;
  /** What the last signed head says about the next one; undefined when none was read. */
  readonly headDue: HeadDue | undefined;
  /** Bytes up to the end of the last complete record. */
  readonly endAt: number;
  /** Bytes after it: what a crash left of records that nobody was told of. */
  readonly tornBytes: number;
}

/** Longer than any record and than several writes. */
const window = 1024 * 1024;

/**
 * Reads and checks the end of the file: the new records will vouch for it. Lines with zero bytes are what a power cut leaves of
 * a write that was never acknowledged; they and what follows count as torn. Throws `audit_unavailable` when the end does not verify.
 */
export async function readTail(file: OpenFile, size: number): Promise<AuditTail> {
  const length = Math.min(size, window);
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, size - length);
  if (bytesRead !== length) throw unverified('cannot be read');
  // The first line of the window may have begun before it.
  let from = length === size ? 0 : bytes.indexOf(0x0a) + 1;
  if (from === 0 && length !== size) throw unverified('does not consist of records');
  const recent = new Map<number, string>();
  let head: AuditHead | undefined;
  let headDue: HeadDue | undefined;
  let first: FirstRecord | undefined;
  for (;;) {
    const end = bytes.indexOf(0x0a, from);
    if (end === -1) break;
    const line = bytes.subarray(from, end);
    if (line.includes(0)) break;
    const record = follow(head, line, from === 0 && length === size);
    if (from === 0 && length === size) first = { seq: record.seq, at: record.at };
    head = { chain: record.chain, seq: record.seq, hash: hashLine(line) };
    if (record.action === 'head') headDue = signedHeadOf(record);
    recent.set(head.seq, head.hash);
    from = end + 1;
  }
  if (head === undefined && length !== size) throw unverified('does not consist of records');
  if (length !== size) first = await readFirst(file);
  return { first, head, recent, headDue, endAt: size - length + from, tornBytes: length - from };
}

function follow(before: AuditHead | undefined, line: Buffer, isFirst: boolean): ReadRecord {
  const record = parseRecordLine(line);
  if (record === undefined) throw unverified('holds a line that is not a record');
  if (before !== undefined) {
    if (record.chain !== before.chain) throw unverified('changes to another chain');
    if (record.seq !== before.seq + 1) throw unverified('lacks a record');
    if (record.prev !== before.hash) throw unverified('holds a record that was changed');
  } else if (isFirst && !beginsFile(record)) {
    throw unverified('does not begin with the first record');
  }
  return record;
}

/** A log that was rotated begins each further file with a record that says so. */
function beginsFile({ seq, action }: ReadRecord): boolean {
  return seq === 1 || action === 'file';
}

async function readFirst(file: OpenFile): Promise<FirstRecord> {
  const bytes = Buffer.alloc(longestLine + 1);
  await file.read(bytes, 0, bytes.length, 0);
  const end = bytes.indexOf(0x0a);
  const record = end === -1 ? undefined : parseRecordLine(bytes.subarray(0, end));
  if (record === undefined || !beginsFile(record)) throw unverified('has no first record');
  return { seq: record.seq, at: record.at };
}

function unverified(what: string): LeaseholdError {
  return new LeaseholdError('audit_unavailable', { detail: `the end of the audit file ${what}` });
}
