import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';

/** Facts about a file, as far as the audit log looks at them. */
export interface FileFacts {
  readonly ino: number;
  readonly dev: number;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
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

/** What the audit log needs of a file system, so that tests can have one that fails or hangs. */
export interface AuditFileSystem {
  /** For reading and appending; makes the file with mode 0600 when there is none; follows no link. */
  open(path: string): Promise<OpenFile>;
  stat(path: string): Promise<FileFacts>;
}

export const nodeAuditFileSystem: AuditFileSystem = {
  open: (path) =>
    open(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, 0o600),
  stat: (path) => stat(path),
};
