import type { ReportedRun } from '../rpc/gen/leasehold/v1/ReportedRun.ts';

type Row = ReportedRun & { readonly run: { readonly jobId: number } };

/** A range of job ids, both included, with all runs of its jobs. `to` is 0 in the last one, which has no end. */
export interface ReportPart {
  readonly fromJobId: number;
  readonly toJobId: number;
  readonly runs: Row[];
}

/** Less than 40 bytes each, and 4 MiB is the most that a broker takes. */
const mostRows = 50_000;

/** Cuts a report that may be larger than a message. Each part stands by itself, so that one that is lost or late ends no run of another. */
export function partsOf(runs: readonly Row[]): readonly ReportPart[] {
  const sorted = runs.toSorted((a, b) => a.run.jobId - b.run.jobId);
  const parts: ReportPart[] = [];
  let fromJobId = 0;
  for (let at = 0; at < sorted.length || parts.length === 0;) {
    let end = Math.min(at + mostRows, sorted.length);
    const last = sorted[end - 1]?.run.jobId ?? 0;
    // Rows of one job stay together, or one of them would not be in its part's range.
    while (sorted[end]?.run.jobId === last) end += 1;
    const toJobId = end === sorted.length ? 0 : last;
    parts.push({ fromJobId, toJobId, runs: sorted.slice(at, end) });
    fromJobId = last + 1;
    at = end;
  }
  return parts;
}
