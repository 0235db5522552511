import type { FileSpec } from '../../src/rpc/client/hold-messages.ts';
import type { RunRecord } from './run-record.ts';

/** The files are the job's user's, and closed to everybody else unless the site names a group for them. */
export function limitFile(file: FileSpec, { uid, gid }: Pick<RunRecord, 'uid' | 'gid'>): FileSpec {
  const open = file.gid === undefined ? 0o700 : 0o770;
  return { ...file, mode: file.mode & open, uid, gid: file.gid ?? gid };
}
