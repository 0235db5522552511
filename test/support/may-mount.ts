import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Whether this process may mount: a container's root often may not. */
export const mayMount: boolean = spawnSync('unshare', ['--mount', 'true']).status === 0;

/** Whether this kernel can keep a tmpfs out of swap (Linux 6.4 and later, from the first user namespace). */
export const hasNoswap: boolean = (() => {
  const at = mkdtempSync(join(tmpdir(), 'noswap-'));
  const mount = ['mount', '-t', 'tmpfs', '-o', 'noswap', 'leasehold', at];
  try {
    return spawnSync('unshare', ['--mount', ...mount], { timeout: 30_000 }).status === 0;
  } finally {
    rmdirSync(at);
  }
})();
