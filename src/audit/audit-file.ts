import { basename } from 'node:path';
import { LeaseholdError } from '../platform/error.ts';
import {
  type AuditFileSystem,
  type FileFacts,
  nodeAuditFileSystem,
  type OpenFile,
} from './audit-file-system.ts';
import { type AuditHead, type AuditTail, readTail } from './audit-tail.ts';
import { clearRotation, rotateFile, RotationUnfinished, writeWhole } from './rotate-file.ts';
import { type FirstRecord, rotatedName } from './rotated-name.ts';
import { hasSameContent } from './same-content.ts';

/** Lines that follow each other in the chain. */
export interface Batch {
  readonly bytes: Uint8Array;
  readonly first: FirstRecord;
  /** The last record. */
  readonly head: AuditHead;
  /** They begin a new file: the one before is over. */
  readonly beginsFile: boolean;
}

/** Where the lines of one chain go. One writer; whole lines or nothing. */
export interface AuditSink {
  /** As it was found; what was torn has been cut off. */
  readonly tail: AuditTail;
  /** The name that the file gets because its time is over; undefined while it goes on. The next batch should then begin a new one. */
  overAs(): string | undefined;
  /** Durable when it resolves. After a failure the log ends where it ended before. Throws `audit_unavailable`. One at a time. */
  append(batch: Batch): Promise<void>;
  close(): Promise<void>;
}

/** When a file is over, whichever comes first. */
export interface RotateLimits {
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

export interface AuditFileOptions {
  readonly path: string;
  /** Default: the file is never over. */
  readonly rotate?: RotateLimits;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  readonly files?: AuditFileSystem;
}

/** Throws `audit_unavailable` with the rule that is broken. */
export async function openAuditFile(options: AuditFileOptions): Promise<AuditSink> {
  const { path, files = nodeAuditFileSystem } = options;
  let file: OpenFile;
  try {
    file = await files.open(path, 'any');
  } catch (cause) {
    throw unavailable('the audit file cannot be opened', cause);
  }
  try {
    const found = await file.stat();
    checkOwnFile(found);
    const tail = await readTail(file, found.size);
    if (tail.tornBytes > 0) {
      await file.truncate(tail.endAt);
      await file.datasync();
    }
    await clearRotation(path, files, tail.first);
    return createSink({ ...options, files, file, tail, found: await file.stat() });
  } catch (cause) {
    await file.close().catch(() => undefined);
    throw cause instanceof LeaseholdError ? cause : unavailable('the audit file cannot be read', cause);
  }
}

function checkOwnFile(found: FileFacts): void {
  if (!found.isFile()) throw unavailable('the audit file is not a regular file');
  if (process.getuid !== undefined && found.uid !== process.getuid())
    throw unavailable('the audit file has another owner');
  if ((found.mode & 0o022) !== 0) throw unavailable('the audit file is writable by others');
}

function createSink(
  options: AuditFileOptions & {
    readonly files: AuditFileSystem;
    readonly file: OpenFile;
    readonly tail: AuditTail;
    readonly found: FileFacts;
  },
): AuditSink {
  const { path, files, tail, rotate } = options;
  let { file } = options;
  /** As the file was left after the last acknowledged record. */
  let seen = options.found;
  let { first, head } = tail;
  /** Where the last acknowledged record ends. */
  let size = tail.endAt;
  /** There may be bytes after it, of a write that failed. */
  let leftovers = false;
  /** What was looked at and found to be another log; until it changes there is no need to look again. */
  let foreign: FileFacts | undefined;
  let unfinished: LeaseholdError | undefined;

  const look = (): Promise<FileFacts> =>
    files.stat(path).catch((cause: unknown) => {
      throw unavailable('the audit file is gone', cause);
    });

  /** Half a line must not stay, and what was refused must not turn up as done later. */
  const cutLeftovers = async (): Promise<void> => {
    await file.truncate(size);
    await file.datasync();
    seen = await file.stat();
    leftovers = false;
  };

  /** Another file has the name, or the file was touched: it is the log only if it holds every record that was acknowledged, and no other. */
  const adopt = async (named: FileFacts): Promise<void> => {
    if (foreign !== undefined && isUntouched(foreign, named)) throw unavailable(different(named));
    const other = await files.open(path, 'old');
    try {
      checkOwnFile(await other.stat());
      const isSame =
        size === 0 ? named.size === 0 : head !== undefined && (await hasSameContent(path, head, size));
      const after = await other.stat();
      // Changed while it was read: the next record looks again.
      if (!isSame || !isUntouched(named, after)) {
        foreign = after;
        throw unavailable(different(named));
      }
      await file.close().catch(() => undefined);
      file = other;
      seen = after;
      foreign = undefined;
      leftovers = false;
    } catch (cause) {
      await other.close().catch(() => undefined);
      throw cause;
    }
  };

  const different = (named: FileFacts): string =>
    named.ino === seen.ino && named.dev === seen.dev
      ? 'the audit file was changed while the broker runs'
      : 'the audit file was replaced while the broker runs';

  /** Somebody who edits, cuts or swaps the file must not get a chain that looks whole on top of it. */
  const requireUntouched = async (): Promise<void> => {
    if (unfinished !== undefined) throw unfinished;
    const named = await look();
    if (leftovers && named.ino === seen.ino && named.dev === seen.dev && named.size >= size) {
      await cutLeftovers();
      return;
    }
    if (!isUntouched(seen, named)) await adopt(named);
  };

  const begin = async (batch: Batch, old: FirstRecord): Promise<void> => {
    const before = file;
    try {
      file = await rotateFile({ path, files, first: old, lines: batch.bytes });
    } catch (cause) {
      if (cause instanceof RotationUnfinished) unfinished = unavailable('a rotation did not end', cause);
      throw unfinished ?? unavailable('the audit file cannot be rotated', cause);
    }
    await before.close().catch(() => undefined);
    first = batch.first;
  };

  const extend = async (batch: Batch): Promise<void> => {
    try {
      leftovers = true;
      await writeWhole(file, batch.bytes);
      await file.datasync();
      leftovers = false;
    } catch (cause) {
      // Where this fails as well, the next append tries again before it writes.
      await cutLeftovers().catch(() => undefined);
      throw unavailable('the audit file cannot be written', cause);
    }
    first ??= batch.first;
  };

  return {
    tail,
    overAs: () => {
      if (first === undefined || rotate === undefined) return undefined;
      const isOver = size >= rotate.maxBytes || options.now() - Date.parse(first.at) >= rotate.maxAgeMs;
      return isOver ? basename(rotatedName(path, first)) : undefined;
    },
    append: async (batch) => {
      try {
        await requireUntouched();
      } catch (cause) {
        throw cause instanceof LeaseholdError ? cause : unavailable('the audit file cannot be read', cause);
      }
      const begins = batch.beginsFile && first !== undefined ? first : undefined;
      if (begins === undefined) await extend(batch);
      else await begin(batch, begins);
      size = begins === undefined ? size + batch.bytes.byteLength : batch.bytes.byteLength;
      head = batch.head;
      // Durable it is: where this fails, the next append looks at the whole file.
      seen = await file.stat().catch(() => ({ ...seen, ctimeMs: 0 }));
    },
    close: () => file.close(),
  };
}

function isUntouched(before: FileFacts, now: FileFacts): boolean {
  return (
    before.ino === now.ino &&
    before.dev === now.dev &&
    before.size === now.size &&
    before.ctimeMs === now.ctimeMs
  );
}

function unavailable(detail: string, cause?: unknown): LeaseholdError {
  return new LeaseholdError('audit_unavailable', cause === undefined ? { detail } : { detail, cause });
}
