import { closeSync, constants, fsyncSync, lstatSync, openSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { LeaseholdError } from '../../platform/error.ts';

/**
 * Makes sure that the ledger file exists and is nobody else's, before SQLite touches it. Existing files are looked at and
 * never opened here: closing a second descriptor in this process would drop the POSIX locks of the first.
 * Throws `ledger_unusable` with the rule that is broken, or `ledger_unavailable` when the file cannot be made.
 */
export function prepareLedgerFile(file: string): void {
  const folder = dirname(file);
  checkFolder(look(folder));
  // SQLite opens these next to the file; a link there would lead its writes elsewhere.
  for (const suffix of ['-wal', '-shm', '-journal']) {
    const side = look(file + suffix);
    if (side !== undefined) checkOwnFile(side, `the file with suffix ${suffix}`);
  }
  const found = look(file);
  if (found === undefined) create(file, folder);
  else checkOwnFile(found, 'the file');
}

function checkFolder(folder: Stats | undefined): void {
  if (folder?.isDirectory() !== true) refuse('its folder does not exist or is not a folder');
  // Whoever may rename files in the folder can swap the ledger for an older one.
  const anybodyWrites = (folder.mode & 0o002) !== 0;
  const sticky = (folder.mode & 0o1000) !== 0;
  if (anybodyWrites && !sticky) refuse('its folder is writable by everybody');
}

function checkOwnFile(found: Stats, what: string): void {
  if (!found.isFile()) refuse(`${what} is not a regular file`);
  if (process.getuid !== undefined && found.uid !== process.getuid()) refuse(`${what} has another owner`);
  if ((found.mode & 0o077) !== 0) refuse(`${what} is open to others (mode must be 0600)`);
}

function create(file: string, folder: string): void {
  try {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    closeSync(openSync(file, flags, 0o600));
    const entry = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    fsyncSync(entry);
    closeSync(entry);
  } catch (error) {
    throw new LeaseholdError('ledger_unavailable', { detail: 'cannot create the ledger file', cause: error });
  }
}

function look(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw new LeaseholdError('ledger_unavailable', {
      detail: 'cannot look at the ledger file',
      cause: error,
    });
  }
}

function refuse(rule: string): never {
  throw new LeaseholdError('ledger_unusable', { detail: rule });
}
