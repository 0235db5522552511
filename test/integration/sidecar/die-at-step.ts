import direct, { existsSync, readFileSync } from 'node:fs';
import * as live from 'node:fs/promises';
import files from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * Loaded before the program: once the file `die-at` stands beside its configuration, kills the process before the call to the file system whose
 * number is in it. Calls that only read do not count.
 */
const config = process.argv[process.argv.indexOf('--config') + 1] ?? '';
const order = join(dirname(config), 'die-at');
let last: number | undefined;
let calls = 0;

function step(): void {
  if (last === undefined && existsSync(order)) last = Number(readFileSync(order, 'utf8'));
  if (last === undefined) return;
  calls += 1;
  if (calls === last) process.kill(process.pid, 'SIGKILL');
}

function count(owner: object, names: readonly string[]): void {
  for (const name of names) {
    const call = Reflect.get(owner, name) as (...parameters: unknown[]) => unknown;
    Reflect.set(owner, name, function (this: unknown, ...parameters: unknown[]): unknown {
      step();
      return Reflect.apply(call, this, parameters);
    });
  }
}

const handle = await live.open('/dev/null');
count(Object.getPrototypeOf(handle) as object, ['writeFile', 'chmod', 'chown']);
await handle.close();
count(files, ['chmod', 'link', 'mkdir', 'open', 'rename', 'rm', 'rmdir', 'symlink', 'unlink']);
const atOnce = [
  'chmodSync',
  'linkSync',
  'mkdirSync',
  'openSync',
  'renameSync',
  'rmSync',
  'symlinkSync',
  'unlinkSync',
];
count(direct, [...atOnce, 'fchmodSync', 'fchownSync', 'writeFileSync']);
syncBuiltinESMExports();
