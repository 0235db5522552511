import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { LeaseholdError } from '../../src/platform/error.ts';

/** Not by PATH: this runs as root. */
const mountProgram = '/usr/bin/mount';
const hardened = 'nosuid,nodev,noexec';

/** A tmpfs, 0711, out of swap where the kernel can. Throws `delivery_not_memory`. */
export async function mountMemory(at: string, mebibytes: number): Promise<void> {
  const flags = `size=${mebibytes}m,mode=0711,${hardened}`;
  const make = (more: string) => mount('-t', 'tmpfs', '-o', `${flags}${more}`, 'leasehold', at);
  try {
    await make(',noswap');
  } catch (error) {
    // One that was cut short may have been made, and a second would lie over it.
    if (!wasRefused(error)) throw error;
    // Since Linux 6.4; an older kernel refuses the whole mount for it.
    await make('');
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

/** The program has ended by itself. */
function wasRefused(error: unknown): boolean {
  const cause = error instanceof LeaseholdError ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'number';
}
