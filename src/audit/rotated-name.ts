import { basename, dirname, extname, join } from 'node:path';

/** The first record of a file, by which it is named when its time is over. */
export interface FirstRecord {
  readonly seq: number;
  /** RFC 3339. */
  readonly at: string;
}

/** `audit.jsonl` becomes `audit-000000000001-20260102T030405Z.jsonl`: names sort as the records do, and no two chains share one by chance. */
export function rotatedName(path: string, { seq, at }: FirstRecord): string {
  const end = extname(path);
  const stem = basename(path, end);
  const time = `${at.slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
  return join(dirname(path), `${stem}-${String(seq).padStart(12, '0')}-${time}${end}`);
}

/** Of the names in the folder of `path`, its rotated files, oldest first. */
export function rotatedAmong(path: string, names: readonly string[]): readonly string[] {
  const end = extname(path);
  const stem = `${basename(path, end)}-`;
  return names
    .filter(
      (name) =>
        name.startsWith(stem) &&
        name.endsWith(end) &&
        /^[0-9]{12,16}-[0-9]{8}T[0-9]{6}Z$/.test(name.slice(stem.length, name.length - end.length)),
    )
    .sort()
    .map((name) => join(dirname(path), name));
}

/** Where the file that takes over is made, before it has its name. */
export function nextName(path: string): string {
  return `${path}.next`;
}
