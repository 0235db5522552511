import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LeaseholdError } from '../../src/platform/error.ts';
import { nodeFileSystem as files, orMissing } from '../deliver/file-system.ts';
import { encodeMarker, type Marker, saysNothing } from './marker.ts';
import type { MemoryRoot } from './memory-root.ts';
import { ensureOwnFolder } from './own-folder.ts';
import { replaceFile } from './replace-file.ts';
import { decodeRunRecord, encodeRunRecord, runName, type RunRecord } from './run-record.ts';

/**
 * The agent's own folders, all of them root's: a folder for each run, and below the root `jobs` (a marker for each job) and `state` (a record for
 * each run, closed to everybody else). Throws `delivery_*` codes.
 */
export interface RunStore {
  /** Whole records of earlier processes, after everything that belongs to none of them has been removed. */
  recover(): Promise<readonly RunRecord[]>;
  /** Where a job finds its bundles. */
  folder(run: Pick<RunRecord, 'job' | 'start'>): string;
  /** Where they are written. */
  target(run: Pick<RunRecord, 'job' | 'start'>): string;
  makeFolder(run: Pick<RunRecord, 'job' | 'start'>): Promise<void>;
  removeFolder(run: Pick<RunRecord, 'job' | 'start'>): Promise<void>;
  save(record: RunRecord): Promise<void>;
  forget(run: Pick<RunRecord, 'job' | 'start'>): Promise<void>;
  mark(job: MarkedJob, marker: Marker): Promise<void>;
  unmark(job: MarkedJob): Promise<void>;
}

/**
 * A marker has its job's id for a name. The tasks of a heterogeneous job all have the id of its first component, so each other component has
 * its marker under that id too, as `<id>.het`: a task prolog that finds no marker of its own looks for that one.
 */
export type MarkedJob = Pick<RunRecord, 'job' | 'het'>;

const markersOf = ({ job, het }: MarkedJob): readonly string[] =>
  het === undefined ? [String(job)] : [String(job), `${het}.het`];

const mostBytes = 65_536;
const runFolder = /^[1-9][0-9]*-[0-9]+$/;

export async function openRunStore({ root, target, view }: MemoryRoot): Promise<RunStore> {
  const at = (...parts: readonly string[]) => join(root, ...parts);
  const targetOf = (run: Pick<RunRecord, 'job' | 'start'>) => join(target, runName(run));
  await ensureOwnFolder(at('jobs'), 0o711);
  await ensureOwnFolder(at('state'), 0o700);

  const recordPath = (run: Pick<RunRecord, 'job' | 'start'>) => at('state', `${runName(run)}.json`);

  async function readRecords(): Promise<readonly RunRecord[]> {
    const records: RunRecord[] = [];
    for (const name of await files.readdir(at('state'))) {
      const record = (await isSmallFile(at('state', name)))
        ? decodeRunRecord(await readFile(at('state', name)))
        : undefined;
      if (record !== undefined && name === `${runName(record)}.json`) records.push(record);
      else await files.rm(at('state', name), { recursive: true, force: true });
    }
    return records;
  }

  const store: RunStore = {
    recover: async () => {
      const records = await readRecords();
      // Of one that has ended, the broker has still to be told; nothing else of it may be left.
      const live = records.filter(({ owed }) => owed === undefined);
      const folders = new Set(live.map(runName));
      const jobs = new Set(live.flatMap(markersOf));
      for (const name of await files.readdir(root))
        if (name.startsWith('.')) await files.rm(at(name), { recursive: true, force: true });
      for (const name of await files.readdir(target))
        if (!folders.has(name)) await files.rm(join(target, name), { recursive: true, force: true });
      for (const name of await files.readdir(at('jobs')))
        if (!jobs.has(name) && !(await isOfNoRun(at('jobs', name))))
          await files.rm(at('jobs', name), { recursive: true, force: true });
      return records;
    },
    folder: (run) => join(view, runName(run)),
    target: targetOf,
    makeFolder: (run) => ensureOwnFolder(targetOf(run), 0o711),
    removeFolder: (run) => {
      if (!runFolder.test(runName(run))) throw new LeaseholdError('delivery_unsafe');
      return files.rm(targetOf(run), { recursive: true, force: true });
    },
    save: (record) => replaceFile(recordPath(record), encodeRunRecord(record), 0o600),
    forget: (run) => files.rm(recordPath(run), { force: true }),
    mark: async (job, marker) => {
      try {
        for (const name of markersOf(job)) await replaceFile(at('jobs', name), encodeMarker(marker), 0o644);
      } catch (error) {
        // The one before may promise what is no longer there; without any, tasks fail.
        await store.unmark(job);
        throw error;
      }
    },
    unmark: async (job) => {
      for (const name of markersOf(job)) await files.rm(at('jobs', name), { force: true });
    },
  };
  return store;
}

/**
 * A job that was let in with nothing, root's or one that no broker served, has no record and may still run: without its marker its next step
 * would fail. Any other marker that nobody answers for would promise a later run of its job files that are not there.
 */
async function isOfNoRun(path: string): Promise<boolean> {
  return (await isSmallFile(path)) && saysNothing(await readFile(path));
}

/** Of the size of ours, and no link or folder. */
async function isSmallFile(path: string): Promise<boolean> {
  const found = await orMissing(files.lstat(path));
  return found?.isFile() === true && found.size <= mostBytes;
}
