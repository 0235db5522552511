import { constants } from 'node:fs';
import { dirname, join } from 'node:path';
import { randomId } from '../../src/platform/random-id.ts';
import { deliveryError, nodeFileSystem } from '../deliver/file-system.ts';

/**
 * A whole file in the place of the one before, in a folder of the agent's own. Nothing is synced: what is on a memory filesystem is gone with the
 * machine anyway. Throws `delivery_*` codes, and leaves the file before then.
 */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const unfinished = join(dirname(path), `.${randomId('')}`);
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const file = await nodeFileSystem.open(unfinished, flags, 0o600);
    try {
      await file.writeFile(text);
      await file.chmod(mode);
    } finally {
      await file.close();
    }
    await nodeFileSystem.rename(unfinished, path);
  } catch (error) {
    await nodeFileSystem.rm(unfinished, { force: true });
    throw deliveryError(error);
  }
}
