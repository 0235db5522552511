import { spawnSync } from 'node:child_process';

/** Whether this process may mount: a container's root often may not. */
export const mayMount: boolean = spawnSync('unshare', ['--mount', 'true']).status === 0;

/** Whether this kernel can keep a tmpfs out of swap (Linux 6.4 and later, from the first user namespace). */
export const hasNoswap: boolean =
  spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', '-o', 'noswap', 'leasehold', '/mnt']).status === 0;
