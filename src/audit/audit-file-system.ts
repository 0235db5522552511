import { constants } from 'node:fs';
import { link, open, readdir, rename, stat, unlink } from 'node:fs/promises';

/** Facts about a file, as far as the audit log looks at them. */
export interface FileFacts {
  readonly ino: number;
  readonly dev: number;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  /** Changes with every change of the file and of its facts; nobody can set it back. */
  readonly ctimeMs: number;
  isFile(): boolean;
}

/** An open file. Methods reject with the file system's own errors. */
export interface OpenFile {
  stat(): Promise<FileFacts>;
  read(into: Uint8Array, offset: number, length: number, at: number): Promise<{ readonly bytesRead: number }>;
  /** At the end of the file; may write less than it was given. */
  write(bytes: Uint8Array, offset: number): Promise<{ readonly bytesWritten: number }>;
  truncate(size: number): Promise<void>;
  datasync(): Promise<void>;
  close(): Promise<void>;
}

/** What the audit log needs of a file system, so that tests can have one that fails, hangs or stops in the middle. */
export interface AuditFileSystem {
  /**
   * For reading and appending; follows no link. `any` makes the file with mode 0600 when there is none, `new` refuses one that is there, `old`
   * one that is not.
   */
  open(path: string, which: 'any' | 'new' | 'old'): Promise<OpenFile>;
  stat(path: string): Promise<FileFacts>;
  list(folder: string): Promise<readonly string[]>;
  /** A second name for a file; rejects with EEXIST when the name is taken. */
  link(path: string, name: string): Promise<void>;
  /** Takes the place of what has that name. */
  rename(path: string, name: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Makes names in a folder durable. */
  syncFolder(folder: string): Promise<void>;
}

const which = { any: constants.O_CREAT, new: constants.O_CREAT | constants.O_EXCL, old: 0 } as const;

export const nodeAuditFileSystem: AuditFileSystem = {
  open: (path, kind) =>
    open(path, constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW | which[kind], 0o600),
  stat: (path) => stat(path),
  list: (folder) => readdir(folder),
  link: (path, name) => link(path, name),
  rename: (path, name) => rename(path, name),
  unlink: (path) => unlink(path),
  syncFolder: async (folder) => {
    await using handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    await handle.sync();
  },
};
