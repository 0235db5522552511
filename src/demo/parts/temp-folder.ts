import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of one's own, mode 0700, removed with all it holds when disposed. */
export interface TempFolder extends AsyncDisposable {
  readonly path: string;
  remove(): Promise<void>;
}

/** Who owns the folder where the part that uses it must not be root (PostgreSQL refuses to be). */
export interface FolderOwner {
  readonly uid: number;
  readonly gid: number;
}

export const createTempFolder = async (
  options: {
    readonly name?: string;
    readonly owner?: FolderOwner;
    /** Where it is made; the machine's own place for such folders when left out. */
    readonly parent?: string;
  } = {},
): Promise<TempFolder> => {
  const path = await mkdtemp(join(options.parent ?? tmpdir(), `leasehold-${options.name ?? 'test'}-`));
  if (options.owner !== undefined) await chown(path, options.owner.uid, options.owner.gid);
  // Retries: a process that was just killed may still be writing its last file.
  const remove = () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  return { path, remove, [Symbol.asyncDispose]: remove };
};
