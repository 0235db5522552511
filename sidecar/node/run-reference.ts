import { Secret } from '../../src/platform/secret.ts';
import type { RunRecord } from './run-record.ts';
import type { RunSubject } from './seen-job.ts';

/** How this node speaks of a run to a broker; it says more once a broker has named the run. */
export function referenceOf({ job, uid }: RunSubject, record: RunRecord | undefined): Secret {
  const run = record === undefined ? {} : { run: record.workload };
  return Secret.ofText(JSON.stringify({ job, uid, ...run }));
}
