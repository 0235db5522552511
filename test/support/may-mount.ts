import { spawnSync } from 'node:child_process';

/** Whether this process may mount: a container's root often may not. */
export const mayMount: boolean = spawnSync('unshare', ['--mount', 'true']).status === 0;
