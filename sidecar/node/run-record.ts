import { parseJson, readArray, readRecord } from '../deliver/json-shape.ts';

/**
 * What the agent keeps of a run on the memory filesystem, where only root can read, to take it up again after a restart. Holds no secret: the
 * values lie with the files.
 */
export interface RunRecord {
  readonly job: number;
  readonly uid: number;
  readonly gid: number;
  /** `run/<cluster>/<job>/<start>`, by the broker's word. */
  readonly workload: string;
  readonly start: number;
  /** As its prolog was told, which is later where nodes had to boot first. */
  readonly seenStart: number | undefined;
  readonly restarts: number;
  readonly sluid: string | undefined;
  readonly het: number | undefined;
  readonly bundles: readonly string[];
  /** Of a run that is over: what the broker has still to be told. */
  readonly owed: readonly string[] | undefined;
}

const version = 1;

/** Name of the run's folder and of its record: job ids come back, starts do not. */
export function runName({ job, start }: Pick<RunRecord, 'job' | 'start'>): string {
  return `${job}-${start}`;
}

export function encodeRunRecord(record: RunRecord): string {
  // One by one: whoever made it may carry more, such as what users wrote.
  const { job, uid, gid, workload, start, seenStart, restarts, sluid, het, bundles, owed } = record;
  const kept = { version, job, uid, gid, workload, start, seenStart, restarts, sluid, het, bundles, owed };
  return `${JSON.stringify(kept)}\n`;
}

/** Undefined for anything that this version has not written itself. */
export function decodeRunRecord(bytes: Uint8Array): RunRecord | undefined {
  const found = readRecord(parseJson(bytes));
  if (found?.['version'] !== version) return undefined;
  const { job, uid, gid, workload, start, seenStart, restarts, sluid, het } = found;
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const bundles = readArray(found['bundles'], text);
  const owed = found['owed'] === undefined ? undefined : readArray(found['owed'], text);
  if (![job, uid, gid, start, restarts].every((value) => Number.isSafeInteger(value))) return undefined;
  if (typeof job !== 'number' || typeof uid !== 'number' || typeof gid !== 'number') return undefined;
  if (typeof start !== 'number' || typeof restarts !== 'number') return undefined;
  if (het !== undefined && typeof het !== 'number') return undefined;
  if (seenStart !== undefined && typeof seenStart !== 'number') return undefined;
  if (typeof workload !== 'string' || bundles === undefined) return undefined;
  if (found['owed'] !== undefined && owed === undefined) return undefined;
  const sluidOrNone = text(sluid);
  return { job, uid, gid, workload, start, seenStart, restarts, sluid: sluidOrNone, het, bundles, owed };
}
