import { readdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { linesOf } from './lines.ts';
import { parseRecordText } from './record.ts';
import { rotatedAmong } from './rotated-name.ts';

/** One file of a log, as its first line tells. */
interface LogFile {
  readonly path: string;
  readonly chain: string | undefined;
  readonly firstSeq: number;
}

/**
 * The files that belong to the given ones: whoever names a log means its rotated files too, as far as they lie beside it and are of the same
 * chain. Each once; those of one chain in the order of their records, whatever order they were given in; a file that does not begin with a
 * record stays where it was. Throws `audit_unavailable` when a file cannot be read.
 */
export async function filesOfLogs(given: readonly string[]): Promise<readonly string[]> {
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
  const all = [...files.values()];
  const isOneChain = all.every(({ chain }) => chain !== undefined && chain === all[0]?.chain);
  return (isOneChain ? all.toSorted((a, b) => a.firstSeq - b.firstSeq) : all).map(({ path }) => path);
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
