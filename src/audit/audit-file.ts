import { LeaseholdError } from '../platform/error.ts';
import {
  type AuditFileSystem,
  type FileFacts,
  nodeAuditFileSystem,
  type OpenFile,
} from './audit-file-system.ts';
import { type AuditTail, readTail } from './audit-tail.ts';

/** The file of one chain. One writer; whole lines or nothing. */
export interface AuditFile {
  /** As it was found; what was torn has been cut off. */
  readonly tail: AuditTail;
  /** Durable when it resolves. After a failure the file ends where it ended before. Throws `audit_unavailable`. One at a time. */
  append(lines: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Throws `audit_unavailable` with the rule that is broken. */
export async function openAuditFile(
  path: string,
  files: AuditFileSystem = nodeAuditFileSystem,
): Promise<AuditFile> {
  let file: OpenFile;
  try {
    file = await files.open(path);
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
    return createFile({ path, files, file, found, tail });
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

function createFile(options: {
  readonly path: string;
  readonly files: AuditFileSystem;
  readonly file: OpenFile;
  readonly found: FileFacts;
  readonly tail: AuditTail;
}): AuditFile {
  const { file, found, tail } = options;
  /** Where the last acknowledged record ends. */
  let size = tail.endAt;
  /** There may be bytes after it, of a write that failed. */
  let leftovers = false;

  /** Somebody who edits, cuts or swaps the file must not get a chain that looks whole on top of it. */
  const checkUntouched = async (): Promise<void> => {
    const [now, named] = await Promise.all([file.stat(), options.files.stat(options.path)]).catch(
      (cause: unknown) => {
        throw unavailable('the audit file is gone', cause);
      },
    );
    if (named.ino !== found.ino || named.dev !== found.dev)
      throw unavailable('the audit file was replaced while the broker runs');
    if (now.size < size || (now.size > size && !leftovers))
      throw unavailable('the audit file was changed while the broker runs');
  };

  /** Half a line must not stay, and what was refused must not turn up as done later. */
  const cutLeftovers = async (): Promise<void> => {
    await file.truncate(size);
    await file.datasync();
    leftovers = false;
  };

  return {
    tail,
    append: async (lines) => {
      await checkUntouched();
      try {
        if (leftovers) await cutLeftovers();
        leftovers = true;
        for (let written = 0; written < lines.byteLength;) {
          const { bytesWritten } = await file.write(lines, written);
          if (bytesWritten === 0) throw unavailable('the audit file takes no more bytes');
          written += bytesWritten;
        }
        await file.datasync();
        size += lines.byteLength;
        leftovers = false;
      } catch (cause) {
        // Where this fails as well, the next append tries again before it writes.
        await cutLeftovers().catch(() => undefined);
        throw unavailable('the audit file cannot be written', cause);
      }
    },
    close: () => file.close(),
  };
}

function unavailable(detail: string, cause?: unknown): LeaseholdError {
  return new LeaseholdError('audit_unavailable', cause === undefined ? { detail } : { detail, cause });
}
