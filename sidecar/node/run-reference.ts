import { Secret } from '../../src/platform/secret.ts';
import type { RunRecord } from './run-record.ts';
import type { RunSubject } from './seen-job.ts';

/** How this node speaks of a run to a broker; it says more once a broker has named the run. */
export function referenceOf({ job, uid, sluid }: RunSubject, record: RunRecord | undefined): Secret {
  // What is undefined is left out.
  return Secret.ofText(JSON.stringify({ job, uid, sluid, run: record?.workload }));
}
