import { execFileSync } from 'node:child_process';
import { createTempFolder } from './temp-folder.ts';

/** A file system of its own and of a given size, so that a test can fill it. Undefined where this process may not mount one. */
export async function mountSmallDisk(
  kilobytes: number,
): Promise<({ readonly path: string } & AsyncDisposable) | undefined> {
  const folder = await createTempFolder({ name: 'small-disk' });
  try {
    const options = `size=${kilobytes}k,mode=0700`;
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder.path], { stdio: 'ignore' });
  } catch {
    await folder.remove();
    return undefined;
  }
  return {
    path: folder.path,
    [Symbol.asyncDispose]: async () => {
      execFileSync('umount', [folder.path], { stdio: 'ignore' });
      await folder.remove();
    },
  };
}
