import { LeaseholdError } from '../../src/platform/error.ts';
import { deliveryError, nodeFileSystem, orMissing } from '../deliver/file-system.ts';

/** Made when missing, and the agent's own, with exactly this mode. Throws `delivery_unsafe` for a link, a file, or somebody else's. */
export async function ensureOwnFolder(path: string, mode: number): Promise<void> {
  try {
    if ((await orMissing(nodeFileSystem.lstat(path))) === undefined) await nodeFileSystem.mkdir(path, 0o700);
    const found = await nodeFileSystem.lstat(path);
    if (!found.isDirectory() || found.uid !== (process.geteuid?.() ?? 0)) {
      throw new LeaseholdError('delivery_unsafe', {
        detail: "a folder of the agent's is a link, a file, or somebody else's",
      });
    }
    await nodeFileSystem.chmod(path, mode);
  } catch (error) {
    throw deliveryError(error);
  }
}
