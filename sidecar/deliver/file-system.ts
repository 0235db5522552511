import * as fs from 'node:fs';
import { promisify } from 'node:util';
import { LeaseholdError } from '../../src/platform/error.ts';

/** The calls that a delivery makes, as one value, so that a test can fail or end the process at each of them. */
export interface FileSystem {
  link(existing: string, path: string): Promise<void>;
  lstat(path: string): Promise<fs.Stats>;
  mkdir(path: string, mode: number): Promise<void>;
  open(path: string, flags: number, mode?: number): Promise<OpenFile>;
  readdir(path: string): Promise<string[]>;
  readlink(path: string): Promise<string>;
  rename(path: string, to: string): Promise<void>;
  rm(path: string, options: { readonly force: boolean; readonly recursive?: boolean }): Promise<void>;
  statfs(path: string): Promise<Pick<fs.StatsFs, 'type'>>;
  symlink(to: string, path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
}

export interface OpenFile {
  readonly fd: number;
  stat(): Promise<fs.Stats>;
  chmod(mode: number): Promise<void>;
  chown(uid: number, gid: number): Promise<void>;
  readFile(): Promise<Buffer>;
  writeFile(content: string | Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

const fsync = promisify(fs.fsync);

/**
 * On a memory filesystem a call is over in microseconds, and the way through the thread pool costs many times that: of the hundred calls for one
 * run a compute node would spend ten milliseconds that are its jobs'. Only what has to wait for a disk goes there.
 */
export const nodeFileSystem: FileSystem = {
  link: async (existing, path) => fs.linkSync(existing, path),
  lstat: async (path) => fs.lstatSync(path),
  mkdir: async (path, mode) => fs.mkdirSync(path, { mode, recursive: false }),
  open: async (path, flags, mode) => openFile(fs.openSync(path, flags, mode)),
  readdir: async (path) => fs.readdirSync(path),
  readlink: async (path) => fs.readlinkSync(path),
  rename: async (path, to) => fs.renameSync(path, to),
  rm: async (path, options) => fs.rmSync(path, options),
  statfs: async (path) => fs.statfsSync(path),
  symlink: async (to, path) => fs.symlinkSync(to, path),
  unlink: async (path) => fs.unlinkSync(path),
  chmod: async (path, mode) => fs.chmodSync(path, mode),
};

function openFile(fd: number): OpenFile {
  let isOpen = true;
  /** A number that was closed is the next one's who opens a file. */
  const own = (): number => {
    if (!isOpen) throw new LeaseholdError('internal', { detail: 'a file is used after it was closed' });
    return fd;
  };
  return {
    fd,
    stat: async () => fs.fstatSync(own()),
    chmod: async (mode) => fs.fchmodSync(own(), mode),
    chown: async (uid, gid) => fs.fchownSync(own(), uid, gid),
    readFile: async () => fs.readFileSync(own()),
    writeFile: async (content) => fs.writeFileSync(own(), content),
    sync: () => fsync(own()),
    close: async () => {
      if (!isOpen) return;
      isOpen = false;
      fs.closeSync(fd);
    },
  };
}

/** The `code` of a Node system error, or undefined. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Into one of ours: the original message holds paths of the machine, the errno alone says enough. */
export function deliveryError(error: unknown): LeaseholdError {
  if (error instanceof LeaseholdError) return error;
  const errno = errnoOf(error);
  const detail = errno === undefined ? {} : { detail: `the file system answered ${errno}` };
  switch (errno) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new LeaseholdError('delivery_no_space', detail);
    case 'ELOOP':
    case 'ENOTDIR':
    case 'EEXIST':
      return new LeaseholdError('delivery_unsafe', detail);
    default:
      return new LeaseholdError('delivery_failed', { ...detail, cause: error });
  }
}

/** Undefined instead of an error for a name that does not exist. */
export async function orMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
