import { constants } from 'node:fs';
import { LeaseholdError } from '../../src/platform/error.ts';
import { errnoOf, type FileSystem, type OpenFile, orMissing } from './file-system.ts';
import type { RenderedFile } from './render.ts';

export type FileFacts = Pick<RenderedFile, 'mode' | 'uid' | 'gid' | 'content'>;

const create = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const groupBits = 0o070;

/**
 * A new file, with owner and mode as asked before anybody else can open it. `sync` where the file system can forget
 * what it has accepted. True when the owner could not be set because this process may not: the file is then its own.
 */
export async function writeNewFile(
  fileSystem: FileSystem,
  path: string,
  file: FileFacts,
  options: { readonly sync: boolean },
): Promise<{ readonly ownerKept: boolean }> {
  const handle = await fileSystem.open(path, create, 0o600);
  try {
    await handle.writeFile(file.content);
    const ownerKept = await setOwner(handle, file);
    // After the owner: a change of owner may clear mode bits.
    await handle.chmod(file.mode);
    if (options.sync) await handle.sync();
    return { ownerKept };
  } finally {
    await handle.close();
  }
}

async function setOwner(handle: OpenFile, { uid, gid, mode }: FileFacts): Promise<boolean> {
  if (uid === undefined && gid === undefined) return false;
  if (await changeOwner(handle, uid ?? -1, gid ?? -1)) return false;
  // Only root may give files away, but anybody may give them to a group of their own.
  if (gid !== undefined && !(await changeOwner(handle, -1, gid)) && (mode & groupBits) !== 0) {
    // Readable by a group, and that would now be another group than the one the site named.
    throw new LeaseholdError('delivery_failed', {
      detail: 'the group of a file may not be set by this process',
    });
  }
  return true;
}

async function changeOwner(handle: OpenFile, uid: number, gid: number): Promise<boolean> {
  try {
    await handle.chown(uid, gid);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EPERM') return false;
    throw error;
  }
}

/** True when the file at `path` is what `writeNewFile` would make of it. */
export async function holdsAlready(
  fileSystem: FileSystem,
  path: string,
  file: FileFacts,
  effectiveUid: number,
): Promise<boolean> {
  const handle = await openIfPlain(fileSystem, path);
  if (handle === undefined) return false;
  try {
    const found = await handle.stat();
    if (!found.isFile() || (found.mode & 0o7777) !== file.mode || found.size !== file.content.byteLength)
      return false;
    if (file.uid !== undefined && found.uid !== file.uid && effectiveUid === 0) return false;
    if (file.gid !== undefined && found.gid !== file.gid && (file.mode & groupBits) !== 0) return false;
    const content = await handle.readFile();
    const isSame = content.equals(file.content);
    content.fill(0);
    return isSame;
  } finally {
    await handle.close();
  }
}

/** Undefined for what is missing, a link, or may not be read. */
async function openIfPlain(fileSystem: FileSystem, path: string): Promise<OpenFile | undefined> {
  try {
    return await orMissing(
      fileSystem.open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK),
    );
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ELOOP' || errno === 'EACCES' || errno === 'ENOTDIR') return undefined;
    throw error;
  }
}
