import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { LeaseholdError } from '../platform/error.ts';

/** The last complete line of the file, or nothing in a new one. */
export interface AuditTail {
  readonly lastLine: Uint8Array | undefined;
  /** Bytes of a torn last line that were cut off. */
  readonly cutBytes: number;
}

/** The file of one chain. One writer; whole lines or nothing. */
export interface AuditFile {
  readonly tail: AuditTail;
  /** Durable when it resolves. After a failure the file ends where it ended before. Throws `audit_unavailable`. */
  append(lines: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Longer than any record. */
const tailBytes = 256 * 1024;

/** Throws `audit_unavailable` with the rule that is broken. */
export async function openAuditFile(file: string): Promise<AuditFile> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;
  let handle: FileHandle;
  let found: Stats;
  try {
    handle = await open(file, flags, 0o600);
    found = await handle.stat();
  } catch (cause) {
    throw unavailable('the audit file cannot be opened', cause);
  }
  try {
    if (!found.isFile()) throw unavailable('the audit file is not a regular file');
    if ((found.mode & 0o022) !== 0) throw unavailable('the audit file is writable by others');
    const tail = await cutTornLine(handle, found.size);
    return createFile(file, handle, found, found.size - tail.cutBytes, tail);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function createFile(
  path: string,
  handle: FileHandle,
  opened: Stats,
  sizeAtOpen: number,
  tail: AuditTail,
): AuditFile {
  let size = sizeAtOpen;
  return {
    tail,
    append: async (lines) => {
      // Somebody who edits, truncates or swaps the file must not get a chain that looks whole on top of it.
      const [now, named] = await Promise.all([handle.stat(), stat(path)]).catch((cause: unknown) => {
        throw unavailable('the audit file is gone', cause);
      });
      if (named.ino !== opened.ino || named.dev !== opened.dev)
        throw unavailable('the audit file was replaced while the broker runs');
      if (now.size !== size) throw unavailable('the audit file was changed while the broker runs');
      try {
        let written = 0;
        while (written < lines.byteLength) {
          const { bytesWritten } = await handle.write(lines, written);
          written += bytesWritten;
        }
        await handle.datasync();
        size += lines.byteLength;
      } catch (cause) {
        await handle.truncate(size).catch(() => undefined);
        throw unavailable('the audit file cannot be written', cause);
      }
    },
    close: () => handle.close(),
  };
}

async function cutTornLine(handle: FileHandle, size: number): Promise<AuditTail> {
  const length = Math.min(size, tailBytes);
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await handle.read(bytes, 0, length, size - length);
  if (bytesRead !== length) throw unavailable('the audit file cannot be read');
  const end = bytes.lastIndexOf(0x0a) + 1;
  if (end === 0 && size > tailBytes) throw unavailable('the audit file does not end in a record');
  const cutBytes = length - end;
  if (cutBytes > 0) {
    await handle.truncate(size - cutBytes);
    await handle.datasync();
  }
  if (end === 0) return { lastLine: undefined, cutBytes };
  const start = bytes.lastIndexOf(0x0a, end - 2) + 1;
  if (start === 0 && size > tailBytes) throw unavailable('the last audit record is too long');
  return { lastLine: bytes.subarray(start, end - 1), cutBytes };
}

function unavailable(detail: string, cause?: unknown): LeaseholdError {
  return new LeaseholdError('audit_unavailable', cause === undefined ? { detail } : { detail, cause });
}
