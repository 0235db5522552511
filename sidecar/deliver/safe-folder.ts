import { constants } from 'node:fs';
import { dirname } from 'node:path';
import { LeaseholdError } from '../../src/platform/error.ts';
import { deliveryError, orMissing, type FileSystem, type OpenFile } from './file-system.ts';

/** A bundle's folder, held by descriptor: whatever happens to the path afterwards, `at` stays inside this folder. */
export interface SafeFolder extends AsyncDisposable {
  /** Path of an entry of the folder; `at('')` is the folder itself. */
  at(entry: string): string;
  /** On tmpfs or ramfs. */
  readonly isMemory: boolean;
}

export interface SafeFolderOptions {
  readonly fileSystem: FileSystem;
  /** Absolute, without symbolic links in it. Made when missing. */
  readonly target: string;
  /** One path segment below the target. Made when missing. */
  readonly folder: string;
  /** Accepts a target that is not on a memory filesystem. */
  readonly allowDisk: boolean;
  /** Of a bundle's folder that is made, or that others could write to. */
  readonly folderMode: number;
  /** Who this process is for the file system. */
  readonly effectiveUid: number;
}

const openFolder = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const tmpfsMagic = 0x01021994;
const ramfsMagic = 0x858458f6;
const othersWrite = 0o022;
const sticky = 0o1000;
const setGroupId = 0o2000;

/**
 * Checks the whole way down before anything is made or opened for writing. `delivery_unsafe` when somebody but root or
 * this process could have put a link or a folder of their own in the way; `delivery_not_memory` on a disk.
 */
export async function openSafeFolder(options: SafeFolderOptions): Promise<SafeFolder> {
  const { fileSystem, target, effectiveUid } = options;
  try {
    await checkWay(options);
    await checkTarget(options);
    const isMemory = isMemoryType((await fileSystem.statfs(target)).type);
    if (!isMemory && !options.allowDisk) throw new LeaseholdError('delivery_not_memory');
    const outer = await fileSystem.open(target, openFolder);
    try {
      const handle = await openInner(options, outer);
      try {
        const found = await handle.stat();
        if (found.uid !== effectiveUid) throw unsafe('the folder of a bundle belongs to somebody else');
        if ((found.mode & othersWrite) !== 0)
          await handle.chmod((found.mode & setGroupId) | options.folderMode);
      } catch (error) {
        await handle.close();
        throw error;
      }
      return {
        // Node has no openat: the kernel resolves a descriptor's own entry in /proc to the open folder itself.
        at: (entry) => (entry === '' ? descriptorPath(handle) : `${descriptorPath(handle)}/${entry}`),
        isMemory,
        [Symbol.asyncDispose]: () => handle.close(),
      };
    } finally {
      await outer.close();
    }
  } catch (error) {
    throw deliveryError(error);
  }
}

function descriptorPath(handle: OpenFile): string {
  return `/proc/self/fd/${handle.fd}`;
}

async function openInner(options: SafeFolderOptions, outer: OpenFile): Promise<OpenFile> {
  const path = `${descriptorPath(outer)}/${options.folder}`;
  const existing = await orMissing(options.fileSystem.lstat(path));
  if (existing === undefined) {
    await options.fileSystem.mkdir(path, 0o700);
    const made = await options.fileSystem.open(path, openFolder);
    // A set-group-id target (a volume with a shared group) hands its group down; the bit must survive our own mode.
    await made.chmod(((await made.stat()).mode & setGroupId) | options.folderMode);
    return made;
  }
  if (!existing.isDirectory()) throw unsafe('the folder of a bundle is a link or a file');
  return options.fileSystem.open(path, openFolder);
}

/** Every folder above the target: nobody else may be able to replace the next step of the path. */
async function checkWay({ fileSystem, target, effectiveUid }: SafeFolderOptions): Promise<void> {
  for (let path = dirname(target); ; path = dirname(path)) {
    const found = await fileSystem.lstat(path);
    if (!found.isDirectory()) throw unsafe('a folder above the target is a link or a file');
    if (found.uid !== 0 && found.uid !== effectiveUid) {
      throw unsafe('a folder above the target belongs to somebody else');
    }
    if ((found.mode & othersWrite) !== 0 && (found.mode & sticky) === 0) {
      throw unsafe('a folder above the target can be written by others');
    }
    if (path === dirname(path)) return;
  }
}

async function checkTarget({ fileSystem, target, effectiveUid }: SafeFolderOptions): Promise<void> {
  let found = await orMissing(fileSystem.lstat(target));
  if (found === undefined) {
    await fileSystem.mkdir(target, 0o755);
    found = await fileSystem.lstat(target);
  }
  if (!found.isDirectory()) throw unsafe('the target is a link or a file');
  if (found.uid !== 0 && found.uid !== effectiveUid) throw unsafe('the target belongs to somebody else');
  const isOpenToOthers = (found.mode & othersWrite) !== 0 && (found.mode & sticky) === 0;
  // Kubernetes mounts its volumes writable for everybody; a mount of its own cannot be replaced, a plain folder can.
  if (isOpenToOthers && (await fileSystem.lstat(dirname(target))).dev === found.dev) {
    throw unsafe('the target can be written by others and is no mount of its own');
  }
}

export function isMemoryType(type: number): boolean {
  // Some kernels hand the magic number out as a signed word.
  const unsigned = type >>> 0;
  return unsigned === tmpfsMagic || unsigned === ramfsMagic;
}

function unsafe(detail: string): LeaseholdError {
  return new LeaseholdError('delivery_unsafe', { detail });
}
