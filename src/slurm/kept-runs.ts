import { open, readFile } from 'node:fs/promises';
import { writeFileAtomically } from '../platform/atomic-file.ts';
import { LeaseholdError } from '../platform/error.ts';
import { systemCode } from '../platform/small-file.ts';

/**
 * Start of the run that is registered for each job id: hooks that end a run cannot say which. Outlives the signer: one line of a journal for each
 * change, synced together with all that come in the same moment, and written anew once most of it is history. Promises resolve when the change,
 * or a later one of the same job, is on disk; they reject with `internal` while the disk does not take it, and the next change tries it again.
 */
export interface KeptRuns {
  get(jobId: number): number | undefined;
  /** Job id and start. */
  entries(): readonly (readonly [number, number])[];
  set(jobId: number, start: number): Promise<void>;
  delete(jobIds: readonly number[]): Promise<void>;
}

/** Lines of history that are borne before the journal is written anew; more where there are many runs. */
const shortestHistory = 1_000;

/**
 * Throws `config_invalid` for a journal that cannot be used: a signer that forgets what it registered must not do so unseen. A last line without
 * its end was never acknowledged.
 */
export async function openKeptRuns(path: string): Promise<KeptRuns> {
  const runs = new Map<number, number>();
  let lines = readInto(runs, path, await readJournal(path));
  // Also drops a line that a crash has cut, onto which the next would be written.
  let isWhole = false;
  let waiting: string[] = [];
  let next: Promise<void> | undefined;
  let running: Promise<void> = Promise.resolve();

  const rewrite = async (): Promise<void> => {
    const data = [...runs].map(([jobId, start]) => lineOf(jobId, start)).join('');
    lines = runs.size;
    await writeFileAtomically({ path, data, mode: 0o600 });
    isWhole = true;
  };
  const append = async (added: readonly string[]): Promise<void> => {
    const file = await open(path, 'a', 0o600);
    try {
      await file.appendFile(added.join(''));
      await file.datasync();
      lines += added.length;
    } finally {
      await file.close();
    }
  };
  const flush = async (): Promise<void> => {
    const added = waiting;
    waiting = [];
    const isLong = lines + added.length > 2 * runs.size + shortestHistory;
    try {
      await (isWhole && !isLong ? append(added) : rewrite());
    } catch (cause) {
      // It may end in half a line.
      isWhole = false;
      throw new LeaseholdError('internal', { detail: 'the state folder cannot be written', cause });
    }
  };
  const write = (...added: readonly string[]): Promise<void> => {
    waiting.push(...added);
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        running = flush();
        return running;
      });
    return next;
  };

  return {
    get: (jobId) => runs.get(jobId),
    entries: () => [...runs],
    set: (jobId, start) => {
      runs.set(jobId, start);
      return write(lineOf(jobId, start));
    },
    delete: async (jobIds) => {
      const known = jobIds.filter((jobId) => runs.delete(jobId));
      if (known.length > 0) await write(...known.map((jobId) => lineOf(jobId)));
    },
  };
}

/** Without a start the job is not registered any more. */
function lineOf(jobId: number, start?: number): string {
  return start === undefined ? `${jobId}\n` : `${jobId} ${start}\n`;
}

async function readJournal(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return '';
    throw refuse(path, `cannot be read (${systemCode(error)})`);
  }
}

/** Returns how many lines there are. */
function readInto(runs: Map<number, number>, path: string, text: string): number {
  const whole = text.split('\n').slice(0, -1);
  for (const line of whole) {
    const [, jobId, start] = /^(\d{1,10})(?: (\d{1,15}))?$/.exec(line) ?? [];
    if (jobId === undefined) throw refuse(path, 'is not what the signer keeps; move it away to begin anew');
    if (start === undefined) runs.delete(Number(jobId));
    else runs.set(Number(jobId), Number(start));
  }
  return whole.length;
}

function refuse(path: string, rule: string): LeaseholdError {
  return new LeaseholdError('config_invalid', { detail: `${path}: ${rule}` });
}
