import { readFile, stat } from 'node:fs/promises';

/** Whether what is written in that folder of a memory filesystem may get to a disk as swap. What cannot be looked up counts as such. */
export async function maySwap(folder: string): Promise<boolean> {
  const { dev } = await stat(folder);
  return maySwapIn(await readFile('/proc/self/mountinfo', 'utf8').catch(() => ''), dev);
}

/** The same of the filesystem with that device number (as stat(2) has it), by mountinfo of proc(5). */
export function maySwapIn(mountinfo: string, dev: number): boolean {
  // As makedev(3) puts them together.
  const [major, minor] = [(dev >>> 8) & 0xfff, (dev & 0xff) | ((dev >>> 12) & 0xfff00)];
  const line = mountinfo.split('\n').find((text) => text.split(' ')[2] === `${major}:${minor}`);
  const [type, , options = ''] = (line?.split(' - ')[1] ?? '').split(' ');
  return type !== 'ramfs' && !options.split(',').includes('noswap');
}
