import type { Run } from '../../ledger/runs.ts';

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
}

/**
 * Whether a row of its job id is about this run. By its start alone it would seem gone while it runs: where nodes have to boot first, the
 * controller sets a new start once they have, and a run that is put back shows the moment of that while it ends. But a job that starts
 * again, or another one with its id, was submitted after this run had started; within one second, the restart count tells them apart.
 */
export function isRowOf(run: Pick<Run, 'identity' | 'restarts'>, row: ReportedRun): boolean {
  const { start } = run.identity;
  if (row.start === start) return true;
  if (row.start < start || row.submitted === undefined) return false;
  return row.submitted < start || (row.submitted === start && row.restarts === run.restarts);
}
