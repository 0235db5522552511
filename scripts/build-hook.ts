import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

const sources = join(import.meta.dirname, '..', 'sidecar', 'hook');

const flags = [
  '-std=c17',
  '-Wall',
  '-Wextra',
  '-Wpedantic',
  '-Wshadow',
  '-Wconversion',
  '-Wformat=2',
  '-Werror',
];
const released = [
  '-O2',
  '-static',
  '-s',
  '-fstack-protector-strong',
  '-D_FORTIFY_SOURCE=2',
  '-Wl,-z,relro,-z,now,-z,noexecstack',
];
const sanitized = ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

export type BuiltHook = { readonly built: true } | { readonly built: false; readonly why: string };

/**
 * Makes `leasehold-hook` and `leasehold-notify`, two static programs, in the folder, with the task prolog beside them. The C compiler is `cc`, or what the variable CC
 * names: one that compiles for arm64 makes the programs for arm64. Throws when there is a compiler and it finds fault.
 * Without an argument, as Slurm starts it, the hook asks at the sockets that the packages have, or at those given.
 */
export function buildHook(options: {
  readonly folder: string;
  readonly sanitize?: boolean;
  readonly compiler?: string;
  /** Of an agent, which may be relative to the working folder of slurmd, and of the signer. */
  readonly sockets?: { readonly agent: string; readonly signer: string };
}): BuiltHook {
  const compiler = options.compiler ?? process.env['CC'] ?? 'cc';
  mkdirSync(options.folder, { recursive: true });
  const kind = options.sanitize === true ? sanitized : released;
  const { sockets } = options;
  const defines = sockets === undefined ? [] : [`-DAGENT="${sockets.agent}"`, `-DSIGNER="${sockets.signer}"`];
  for (const name of ['leasehold-hook', 'leasehold-notify']) {
    const result = spawnSync(
      compiler,
      [...flags, ...kind, ...defines, '-o', join(options.folder, name), join(sources, `${name}.c`)],
      { encoding: 'utf8' },
    );
    if (result.error !== undefined) return { built: false, why: `there is no C compiler ${compiler}` };
    if (result.status !== 0) throw new Error(`${name} does not compile:\n${result.stderr}`);
  }
  // Who can read it could trace it, see sidecar/node/notify-run.ts; the sanitizers trace themselves.
  if (options.sanitize !== true) chmodSync(join(options.folder, 'leasehold-notify'), 0o711);
  const taskProlog = join(options.folder, 'leasehold-task-prolog');
  copyFileSync(join(sources, 'leasehold-task-prolog'), taskProlog);
  chmodSync(taskProlog, 0o755);
  return { built: true };
}
