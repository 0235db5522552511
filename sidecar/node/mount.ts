import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { LeaseholdError } from '../../src/platform/error.ts';
import type { Log } from '../../src/platform/log.ts';

/** Not by PATH: this runs as root. */
const mountProgram = '/usr/bin/mount';
const hardened = 'nosuid,nodev,noexec';

/** A tmpfs, 0711, out of swap where the kernel can. Throws `delivery_not_memory`. */
export async function mountMemory(at: string, options: { readonly mebibytes: number; readonly log: Log }) {
  const flags = `size=${options.mebibytes}m,mode=0711,${hardened}`;
  const made = (more: string) => mount('-t', 'tmpfs', '-o', `${flags}${more}`, 'leasehold', at);
  try {
    // Since Linux 6.4; without it the pages may be swapped out.
    await made(',noswap');
  } catch {
    await made('');
    options.log.warn('this kernel cannot keep the files out of swap', { folder: at });
  }
}

/** `at` shows the folder `from`, and nobody can write through it. Throws `delivery_not_memory`. */
export function mountReadOnly(from: string, at: string): Promise<void> {
  return mount('-o', `bind,ro,${hardened}`, from, at);
}

async function mount(...args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)(mountProgram, args, { env: {}, timeout: 10_000 });
  } catch (cause) {
    const detail = 'files.root is no mount of its own and none could be made';
    throw new LeaseholdError('delivery_not_memory', { detail, cause });
  }
}
