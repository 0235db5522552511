import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { randomId } from './random-id.ts';

/**
 * Replaces a file in one step: a reader, or a crash at any moment, sees the old content or the new one and nothing between.
 * Durable when it resolves. A symbolic link at `path` is replaced, not followed. Rejects with the file system's own error, which
 * the caller wraps; the unfinished file is removed then.
 */
export async function writeFileAtomically(options: {
  readonly path: string;
  readonly data: Uint8Array | string;
  /** Exact, whatever the umask is. */
  readonly mode: number;
}): Promise<void> {
  const unfinished = `${options.path}.${randomId('')}`;
  try {
    // O_EXCL: never write through a file or link that somebody else put there.
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const file = await open(unfinished, flags, 0o600);
    try {
      await file.writeFile(options.data);
      await file.chmod(options.mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, options.path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await syncFolder(dirname(options.path));
}

/** Makes names created, renamed or removed in a folder survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
