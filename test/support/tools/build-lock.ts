import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

/** Held by one process at a time; released when disposed, and by the kernel when the holder dies. */
export interface BuildLock extends Disposable {
  release(): void;
}

export interface BuildLockOptions {
  /** The lock's file; made where it does not exist, never removed. */
  readonly path: string;
  readonly pollMs?: number;
  /** Called once, when another process is found to hold the lock. */
  readonly onWait?: () => void;
  readonly signal?: AbortSignal;
}

const POLL_MS = 500;
/** SQLITE_BUSY. */
const BUSY = 5;

const isBusy = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && error.errcode === BUSY;

/**
 * Waits for the lock and takes it. The lock is an exclusive SQLite transaction on an empty database, because that is
 * the one file lock in Node that the kernel takes back from a dead process: a file with a process id in it would
 * have to be judged stale, and two waiters that judge at once both win.
 */
export const takeBuildLock = async (options: BuildLockOptions): Promise<BuildLock> => {
  mkdirSync(dirname(options.path), { recursive: true });
  const database = new DatabaseSync(options.path, { timeout: 0 });
  let waiting = false;
  try {
    for (;;) {
      options.signal?.throwIfAborted();
      try {
        database.exec('BEGIN EXCLUSIVE');
        break;
      } catch (error) {
        if (!isBusy(error)) throw error;
      }
      if (!waiting) options.onWait?.();
      waiting = true;
      await sleep(options.pollMs ?? POLL_MS, undefined, { signal: options.signal });
    }
  } catch (error) {
    database.close();
    throw error;
  }
  const release = () => {
    if (database.isOpen) database.close();
  };
  return { release, [Symbol.dispose]: release };
};
