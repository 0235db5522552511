import * as files from 'node:fs/promises';
import { LeaseholdError } from '../../src/platform/error.ts';

/** The calls that a delivery makes, as one value, so that a test can fail or end the process at each of them. */
export type FileSystem = Pick<
  typeof files,
  | 'link'
  | 'lstat'
  | 'mkdir'
  | 'open'
  | 'readdir'
  | 'readlink'
  | 'rename'
  | 'rm'
  | 'rmdir'
  | 'statfs'
  | 'symlink'
  | 'unlink'
  | 'chmod'
>;

export const nodeFileSystem: FileSystem = files;

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
