import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import type { Log } from '../audit/file-set.ts';
import { WrongUse } from './wrong-use.ts';

export const auditFilesArgument = {
  file: { repeat: true, help: 'audit file; its rotated files beside it are read too' },
} as const;

/** Throws WrongUse for the first one that cannot be read, before anything is printed. */
export async function requireReadable(files: readonly string[]): Promise<void> {
  for (const file of files) {
    try {
      await access(file, constants.R_OK);
    } catch {
      throw new WrongUse(`${file} does not exist or cannot be read`);
    }
    if (!(await stat(file)).isFile()) throw new WrongUse(`${file} is not a file`);
  }
}

/** The logs that the files belong to. Throws WrongUse for one that cannot be read. */
export async function logsOfFiles(files: readonly string[]): Promise<readonly Log[]> {
  await requireReadable(files);
  const { logsOf } = await import('../audit/file-set.ts');
  return logsOf(files);
}

/** All files of the given logs, in the order of their records. Throws WrongUse for one that cannot be read. */
export async function allFilesOf(files: readonly string[]): Promise<readonly string[]> {
  await requireReadable(files);
  const { filesOfLogs } = await import('../audit/file-set.ts');
  return filesOfLogs(files);
}
