import { stat } from 'node:fs/promises';
import { LeaseholdError } from '../../src/platform/error.ts';
import type { Log } from '../../src/platform/log.ts';

/** A run whose files have changed. */
export interface ChangedRun {
  readonly folder: string;
  readonly uid: number;
  readonly gid: number;
}

/** Tells the processes of the run that asked for it. `delivery_failed` when that could not be done, after at most `limitMs`. */
export type NotifyRun = (run: ChangedRun, signal: AbortSignal) => Promise<void>;

/** The program ends itself before that; a user who stops it is not waited for. */
const limitMs = 6_000;

/**
 * Undefined where the program is not installed, or must not be run as a user: then jobs only see their files change. A program that others
 * can read could be taken over by that user's debugger, and what it forks would live on outside of the job; the kernel lets nobody trace one
 * that cannot be read (ptrace(2), prctl(2) PR_SET_DUMPABLE).
 */
export async function findNotifyRun(options: {
  readonly program: string;
  readonly log: Log;
}): Promise<NotifyRun | undefined> {
  const { program, log } = options;
  const facts = await stat(program).catch(() => undefined);
  if (facts === undefined) {
    log.info('no job is told of a rotation: the program for that is not there', { program });
    return undefined;
  }
  if (!facts.isFile() || facts.uid !== 0 || (facts.mode & 0o777) !== 0o711) {
    log.error('no job is told of a rotation: the program for that must be a file of root, with mode 0711', {
      program,
    });
    return undefined;
  }
  return async ({ folder, uid, gid }, signal) => {
    // Only here, because the module costs an agent memory that it may never need.
    const { execFile } = await import('node:child_process');
    await new Promise<void>((resolve, reject) => {
      execFile(
        program,
        [folder],
        // As the run's user it can signal nobody else, whatever a job's environment says, and nothing of the agent's is handed on to it.
        { uid, gid, cwd: '/', env: {}, timeout: limitMs, killSignal: 'SIGKILL', maxBuffer: 1_024, signal },
        (error, told) => {
          if (error === null) {
            log.info('the processes of a run were told of a change', { folder, told: Number(told) });
            resolve();
          } else {
            const detail = 'the processes of a run could not be told';
            reject(new LeaseholdError('delivery_failed', { detail, cause: error }));
          }
        },
      );
    });
  };
}
