import { existsSync } from 'node:fs';

const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path));

/**
 * The command line that makes the kernel kill a program when its parent dies, even by SIGKILL, where setpriv exists (Linux);
 * elsewhere the command line as it is. The process id is the program's own in both cases.
 */
export function endingWithParent(
  command: string,
  args: readonly string[],
): readonly [command: string, ...args: string[]] {
  return setpriv === undefined
    ? [command, ...args]
    : [setpriv, '--pdeathsig', 'KILL', '--', command, ...args];
}
