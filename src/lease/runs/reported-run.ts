import type { Run } from '../../ledger/runs.ts';
import { isRowOfRun } from '../../platform/run-row.ts';

/** Which run a call is about, within the signer's own cluster. */
export interface RunName {
  readonly jobId: number;
  /** Seconds since the Unix epoch. */
  readonly start: number;
}

/** A run that the scheduler has now. */
export interface ReportedRun extends RunName {
  /** Milliseconds since the Unix epoch; undefined without a time limit. */
  readonly endsAt: number | undefined;
  /** When its job was submitted or put back last, seconds since the Unix epoch; undefined from a signer that does not say. */
  readonly submitted: number | undefined;
  readonly restarts: number;
  /** On how many nodes it runs, all of which have begun its prolog; 0 where that cannot be said. */
  readonly nodes: number;
}

export function isRowOf(
  { identity: { start }, restarts }: Pick<Run, 'identity' | 'restarts'>,
  row: ReportedRun,
): boolean {
  return isRowOfRun({ start, restarts }, row);
}
