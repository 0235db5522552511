import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { LeaseholdError } from '../../src/platform/error.ts';

/** Not by PATH: this runs as root. */
const mountProgram = '/usr/bin/mount';
const hardened = 'nosuid,nodev,noexec';

/** A tmpfs, 0711, out of swap where the kernel can. Throws `delivery_not_memory`. */
export async function mountMemory(at: string, mebibytes: number): Promise<void> {
  const flags = `size=${mebibytes}m,mode=0711,${hardened}`;
  const made = (more: string) => mount('-t', 'tmpfs', '-o', `${flags}${more}`, 'leasehold', at);
  // Since Linux 6.4; an older kernel refuses the whole mount for it.
  await made(',noswap').catch(() => made(''));
}

/** Whether what is written in that folder of a memory filesystem may get to a disk as swap, see mountinfo in proc(5). */
export async function maySwap(folder: string): Promise<boolean> {
  const { dev } = await stat(folder);
  // As makedev(3) puts them together.
  const [major, minor] = [(dev >>> 8) & 0xfff, (dev & 0xff) | ((dev >>> 12) & 0xfff00)];
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  const line = mounts.find((text) => text.split(' ')[2] === `${major}:${minor}`);
  const [type, , options = ''] = (line?.split(' - ')[1] ?? '').split(' ');
  return type !== 'ramfs' && !options.split(',').includes('noswap');
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
