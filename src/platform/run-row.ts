/** Of a run, as it was registered. Start in seconds since the Unix epoch. */
export interface RegisteredRun {
  readonly start: number;
  readonly restarts: number;
}

/** A row of the scheduler about a job id, in seconds; `submitted` is undefined where that is not told. */
export interface RunRow extends RegisteredRun {
  readonly submitted: number | undefined;
}

/**
 * Whether a row of its job id is about this run. By its start alone it would seem gone while it runs: where nodes have to boot first, the
 * controller sets a new start once they have, and a run that is put back shows the moment of that while it ends. But a job that starts
 * again, or another one with its id, was submitted after this run had started; within one second, the restart count tells them apart.
 */
export function isRowOfRun({ start, restarts }: RegisteredRun, row: RunRow): boolean {
  if (row.start === start) return true;
  if (row.start < start || row.submitted === undefined) return false;
  return row.submitted < start || (row.submitted === start && row.restarts === restarts);
}
