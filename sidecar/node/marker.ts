import type { ErrorCode } from '../../src/platform/error.ts';
import type { RunRecord } from './run-record.ts';
import type { SeenJob } from './seen-job.ts';

/** What a prolog is told. */
export type Outcome =
  | { readonly state: 'delivered' | 'nothing' }
  | { readonly state: 'failed'; readonly code: ErrorCode; readonly why: string };

/** What the task prolog reads: one file for each job, docs/slurm-protocol.md. */
export interface Marker {
  readonly state: 'delivered' | 'nothing' | 'failed';
  /** Known once the broker has named the run. */
  readonly run: { readonly workload: string; readonly start: number; readonly folder: string } | undefined;
  readonly uid: number;
  readonly restarts: number;
  /** One of `reasons`; of `failed` only. */
  readonly why?: string;
}

export function encodeMarker(marker: Marker): string {
  const lines = [
    'leasehold=1',
    `state=${marker.state}`,
    ...(marker.run === undefined ? [] : [`run=${marker.run.workload}`]),
    `uid=${marker.uid}`,
    `restarts=${marker.restarts}`,
    ...(marker.run === undefined ? [] : [`start=${marker.run.start}`, `dir=${marker.run.folder}`]),
    ...(marker.why === undefined ? [] : [`why=${marker.why}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** Of a job in this state; `run` once the broker has named it, with the folder that jobs see. */
export function markerOf(
  state: Pick<Marker, 'state' | 'why'>,
  job: Pick<SeenJob, 'uid' | 'restarts' | 'start'>,
  run: (Pick<RunRecord, 'workload' | 'start' | 'restarts'> & { readonly folder: string }) | undefined,
): Marker {
  return {
    ...state,
    uid: job.uid,
    restarts: job.restarts ?? run?.restarts ?? 0,
    // The start as tasks can see it, too.
    run: run && { workload: run.workload, start: job.start ?? run.start, folder: run.folder },
  };
}

/** Whether it is a marker of a job that was let in with nothing, and of no run. */
export function saysNothing(marker: Uint8Array): boolean {
  const lines = Buffer.from(marker).toString('utf8').split('\n');
  return (
    lines[0] === 'leasehold=1' &&
    lines.includes('state=nothing') &&
    !lines.some((line) => line.startsWith('run='))
  );
}

/** Sentences for the user in the job's output. They name no secret, no bundle and no backend. */
export const reasons = {
  late: 'The credentials of this job could not be fetched in time. Please submit it again later.',
  refused: "The site's policy does not give this job the credentials that it is to run with.",
  locked: 'The credentials of this job have been withdrawn by an administrator.',
  lost: 'The credentials of this job are no longer available on this node.',
  unregistered: 'This job is not known to the credential service, so it has no credentials.',
  mismatched: 'This node was refused the credentials of this job. Please tell the administrators.',
  noRoom: 'This node has no room for the credentials of this job. Please tell the administrators.',
  ended: 'This job is ending, and its credentials have been removed.',
} as const;

/** What a prolog is told where a run's files are refused for this reason, or given up. */
export function failedFor(code: ErrorCode): Outcome {
  return { state: 'failed', code, why: reasonOf(code) };
}

/** For a refusal that ends the wait for a run's files. */
export function reasonOf(code: ErrorCode): string {
  switch (code) {
    case 'not_granted':
    case 'bundle_unknown':
      return reasons.refused;
    case 'locked':
    case 'tombstoned':
      return reasons.locked;
    case 'workload_unknown':
      return reasons.unregistered;
    case 'workload_ended':
    case 'workload_terminating':
      return reasons.ended;
    case 'delivery_no_space':
      return reasons.noRoom;
    case 'broker_unavailable':
    case 'deadline_exceeded':
      return reasons.late;
    default:
      return reasons.mismatched;
  }
}
