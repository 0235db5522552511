import { constants } from 'node:fs';
import { access, lstat, readdir, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LeaseholdError } from '../../src/platform/error.ts';
import type { Log } from '../../src/platform/log.ts';
import { errnoOf } from '../deliver/file-system.ts';
import { isMemoryType } from '../deliver/safe-folder.ts';
import { maySwap } from './may-swap.ts';
import { mountMemory, mountReadOnly } from './mount.ts';
import { ensureOwnFolder } from './own-folder.ts';

/** Where the agent's files are, all of it in memory. */
export interface MemoryRoot {
  /** Markers and records: nothing there is any user's. */
  readonly root: string;
  /** Where the files of runs are written. */
  readonly target: string;
  /** Where jobs find them. */
  readonly view: string;
}

export interface MemoryRootOptions {
  readonly root: string;
  /** `auto` mounts what is no mount yet; `never` takes what is there, if it is memory. */
  readonly mount: 'auto' | 'never';
  /** For the files of runs. */
  readonly sizeMiB: number;
  readonly log: Log;
}

/** A marker and a record are a page each: room for thousands of jobs, and for the matchers of a large policy. */
const ownMiB = 16;

/**
 * Makes sure that the root is a memory filesystem of its own, root's and 0711, before any job starts: what is mounted later is not seen inside a
 * job's private namespace.
 *
 * The files of runs have a filesystem of theirs, `own/runs`, behind a folder that nobody but root can enter; jobs see it as `runs`, which is mounted
 * read-only. A file's owner could otherwise make it larger until there is no room for the files and markers of anybody else.
 *
 * Throws `delivery_not_memory` on a disk and `delivery_unsafe` on a link.
 */
export async function prepareRoot(options: MemoryRootOptions): Promise<MemoryRoot> {
  const { root, log } = options;
  await ensureOwnFolder(root, 0o711);
  if (options.mount === 'auto' && !(await isMount(root))) await mountMemory(root, ownMiB);
  await requireMemory(root);
  const [target, view] = [join(root, 'own', 'runs'), join(root, 'runs')];
  await ensureOwnFolder(join(root, 'own'), 0o700);
  if (options.mount === 'auto') await mountRuns(options, target, view);
  const isGuarded = await isReadOnlyViewOf(view, target);
  if (!isGuarded) {
    await ensureOwnFolder(view, 0o711);
    log.warn(
      'users can make files of theirs larger, and take the room of others: runs is no read-only mount',
      {
        folder: view,
      },
    );
  }
  await requireMemory(view);
  for (const folder of [root, view]) {
    if (await maySwap(folder))
      log.warn('files may be swapped to a disk: what they are on is not mounted with noswap', { folder });
  }
  log.info('files are kept in memory', { root });
  return { root, target: isGuarded ? target : view, view };
}

async function mountRuns({ sizeMiB, log }: MemoryRootOptions, target: string, view: string): Promise<void> {
  if (await isReadOnlyViewOf(view, target)) return;
  await ensureOwnFolder(view, 0o711);
  // Mounted over, the files of running jobs would be gone for them.
  if ((await readdir(view)).length > 0) return;
  try {
    await ensureOwnFolder(target, 0o711);
    if (!(await isMount(target))) await mountMemory(target, sizeMiB);
    await mountReadOnly(target, view);
  } catch (error) {
    // The root that a site has mounted serves without it, with less between users.
    log.warn('the files of runs have no filesystem of their own', {}, error);
  }
}

async function requireMemory(folder: string): Promise<void> {
  if (!isMemoryType((await statfs(folder)).type)) throw new LeaseholdError('delivery_not_memory');
}

async function isMount(folder: string): Promise<boolean> {
  const [found, above] = await Promise.all([lstat(folder), lstat(dirname(folder))]);
  return found.dev !== above.dev;
}

async function isReadOnlyViewOf(view: string, target: string): Promise<boolean> {
  const [seen, written] = await Promise.all([
    stat(view).catch(() => undefined),
    stat(target).catch(() => undefined),
  ]);
  if (seen === undefined || seen.dev !== written?.dev || seen.ino !== written.ino) return false;
  return access(view, constants.W_OK).then(
    () => false,
    (error: unknown) => errnoOf(error) === 'EROFS',
  );
}
