import { execFile } from 'node:child_process';
import { chmod, lstat, mkdir, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { LeaseholdError } from '../../src/platform/error.ts';
import type { Log } from '../../src/platform/log.ts';
import { isMemoryType } from '../deliver/safe-folder.ts';

/** Not by PATH: this runs as root. */
const mountProgram = '/usr/bin/mount';
const hardened = 'mode=0711,nosuid,nodev,noexec';

/**
 * Makes sure that the root is a memory filesystem of its own, root's and 0711, before any job starts: what is mounted
 * later is not seen inside a job's private namespace. Throws `delivery_not_memory` on a disk and `delivery_unsafe` on a link.
 */
export async function prepareRoot(options: {
  readonly root: string;
  /** `auto` mounts one where the root is not a mount point; `never` takes what is there, if it is memory. */
  readonly mount: 'auto' | 'never';
  readonly sizeMiB: number;
  readonly log: Log;
}): Promise<void> {
  const { root, log } = options;
  await mkdir(root, { mode: 0o711 }).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  });
  const [found, above] = await Promise.all([lstat(root), lstat(dirname(root))]);
  if (!found.isDirectory() || found.uid !== (process.geteuid?.() ?? 0)) {
    throw new LeaseholdError('delivery_unsafe', {
      detail: "files.root is a link, a file, or somebody else's",
    });
  }
  if (options.mount === 'auto' && found.dev === above.dev) await mount(options);
  if (!isMemoryType((await statfs(root)).type)) throw new LeaseholdError('delivery_not_memory');
  await chmod(root, 0o711);
  log.info('files are kept in memory', { root });
}

async function mount({ root, sizeMiB, log }: Parameters<typeof prepareRoot>[0]): Promise<void> {
  const size = `size=${sizeMiB}m`;
  // Since Linux 6.4; without it the pages may be swapped out.
  for (const more of [',noswap', '']) {
    try {
      await promisify(execFile)(
        mountProgram,
        ['-t', 'tmpfs', '-o', `${size},${hardened}${more}`, 'leasehold', root],
        {
          env: {},
          timeout: 10_000,
        },
      );
      if (more === '') log.warn('this kernel cannot keep the files out of swap', { root });
      return;
    } catch (error) {
      if (more === '') {
        throw new LeaseholdError('delivery_not_memory', {
          detail: 'files.root is no mount of its own and none could be made',
          cause: error,
        });
      }
    }
  }
}
