import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { WrongUse } from './wrong-use.ts';

export const auditFilesArgument = {
  file: { repeat: true, help: 'audit file; several are one chain, oldest first' },
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
