import { readdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { linesOf } from './lines.ts';
import { parseRecordText } from './record.ts';
import { rotatedAmong } from './rotated-name.ts';

/** One file of a log, as its first line tells. */
export interface LogFile {
  readonly path: string;
  readonly chain: string | undefined;
  readonly firstSeq: number;
}

/** Files of one chain in the order of their records, or one file that does not begin with a record. Never empty. */
export type Log = readonly [LogFile, ...LogFile[]];

/**
 * The logs that the given files belong to: whoever names a log means its rotated files too, as far as they lie beside it and are of the same
 * chain. Each file once, whatever order they were given in. Throws `audit_unavailable` when a file cannot be read.
 */
export async function logsOf(given: readonly string[]): Promise<readonly Log[]> {
  const files = new Map<string, LogFile>();
  for (const path of given) {
    const named = await firstOf(path);
    const beside = named.chain === undefined ? [] : rotatedAmong(path, await namesBeside(path));
    for (const other of beside) {
      const found = await firstOf(other);
      if (found.chain === named.chain) files.set(resolve(other), found);
    }
    if (!files.has(resolve(path))) files.set(resolve(path), named);
  }
  const logs = new Map<string, Log>();
  for (const [path, file] of files) {
    const key = file.chain ?? path;
    const [first, ...rest] = [...(logs.get(key) ?? []), file].toSorted((a, b) => a.firstSeq - b.firstSeq);
    if (first !== undefined) logs.set(key, [first, ...rest]);
  }
  return [...logs.values()];
}

/** All files of these logs, one log after the other. Throws as `logsOf` does. */
export async function filesOfLogs(given: readonly string[]): Promise<readonly string[]> {
  return (await logsOf(given)).flat().map(({ path }) => path);
}

async function firstOf(path: string): Promise<LogFile> {
  for await (const { bytes } of linesOf(path)) {
    const record = parseRecordText(bytes.toString('utf8'));
    return { path, chain: record?.chain, firstSeq: record?.seq ?? 0 };
  }
  return { path, chain: undefined, firstSeq: 0 };
}

/** A file that can be read in a folder that cannot be listed is one by itself. */
async function namesBeside(path: string): Promise<readonly string[]> {
  try {
    return await readdir(dirname(path));
  } catch {
    return [];
  }
}
