import { dirname } from 'node:path';
import type { AuditFileSystem, OpenFile } from './audit-file-system.ts';
import { type FirstRecord, nextName, rotatedName } from './rotated-name.ts';

/**
 * Puts a new file with these lines in the place of the one at `path`, which keeps all its records under its own name. The new one is complete and
 * durable before anybody can see it, and there is a file at `path` at every moment: whoever is killed between two steps leaves either the
 * old log with leftovers that `clearRotation` removes, or the new one.
 *
 *   make next, write, sync → second name for the old file → next takes the name → folder durable
 */
export async function rotateFile(options: {
  readonly path: string;
  readonly files: AuditFileSystem;
  /** Of the file at `path`. */
  readonly first: FirstRecord;
  readonly lines: Uint8Array;
}): Promise<OpenFile> {
  const { path, files, first, lines } = options;
  const folder = dirname(path);
  const next = nextName(path);
  await removeIfThere(files, next);
  const file = await files.open(next, 'new');
  let taken = false;
  try {
    await writeWhole(file, lines);
    await file.datasync();
    await secondName(files, path, rotatedName(path, first));
    await files.syncFolder(folder);
    await files.rename(next, path);
    taken = true;
    await files.syncFolder(folder);
    return file;
  } catch (error) {
    await file.close().catch(() => undefined);
    if (!taken) throw error;
    // The new file may be durable or not, and is the log already: only a new start finds out.
    throw new RotationUnfinished({ cause: error });
  }
}

/** The log has its new file, but whether that survives a power cut is not known. */
export class RotationUnfinished extends Error {
  constructor(options: { readonly cause: unknown }) {
    super('the folder of the audit file could not be made durable', options);
    this.name = 'RotationUnfinished';
  }
}

/** What a kill in the middle of a rotation left, and nothing that anybody was told of. */
export async function clearRotation(
  path: string,
  files: AuditFileSystem,
  first: FirstRecord | undefined,
): Promise<void> {
  await removeIfThere(files, nextName(path));
  if (first === undefined) return;
  // The file that is written again must not have the name of one that is over.
  const name = rotatedName(path, first);
  if (await isSameFile(files, path, name)) await files.unlink(name);
}

export async function writeWhole(file: OpenFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.byteLength;) {
    const { bytesWritten } = await file.write(bytes, written);
    if (bytesWritten === 0) throw new Error('the file takes no more bytes');
    written += bytesWritten;
  }
}

async function secondName(files: AuditFileSystem, path: string, name: string): Promise<void> {
  try {
    await files.link(path, name);
  } catch (error) {
    // From a try that failed after it.
    if (!(await isSameFile(files, path, name))) throw error;
  }
}

async function isSameFile(files: AuditFileSystem, path: string, name: string): Promise<boolean> {
  const [one, other] = await Promise.all([
    files.stat(path),
    files.stat(name).catch((error: unknown) => absent(error)),
  ]);
  return other !== undefined && one.ino === other.ino && one.dev === other.dev;
}

async function removeIfThere(files: AuditFileSystem, path: string): Promise<void> {
  await files.unlink(path).catch((error: unknown) => absent(error));
}

function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}
