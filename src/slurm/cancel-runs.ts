import { hasCode, LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import { isRowOfRun } from '../platform/run-row.ts';
import type { RunName } from '../rpc/gen/leasehold/v1/RunName.ts';
import type { RunToCancel__Output } from '../rpc/gen/leasehold/v1/RunToCancel.ts';
import { type BrokerClient, isDecision } from './broker-client.ts';
import type { Scheduler } from './scheduler.ts';

const why = 'cancelled, as a node could not be given the credentials of this job';

/** They share one answer of squeue, which is about all jobs. */
const atOnce = 16;

/** Cancels the jobs of these runs, and tells the broker. What cannot be done now is done when the broker names them again, or at the next call. */
export type CancelRuns = (runs: readonly RunToCancel__Output[]) => Promise<void>;

export function createCancelRuns(options: {
  readonly scheduler: Scheduler;
  readonly broker: () => BrokerClient;
  readonly log: Log;
  readonly signal: AbortSignal;
}): CancelRuns {
  const { scheduler, log, signal } = options;
  /** Cancelled, and the broker has not been told. */
  const untold = new Map<string, RunName & { readonly jobId: number; readonly start: number }>();

  /** The controller is asked anew: a job that was put back, or another one with its id, is not the run that is meant. */
  const cancel = async ({ run, restarts }: RunToCancel__Output): Promise<void> => {
    if (run === null) return;
    const { jobId, start } = run;
    const found = await scheduler.run(jobId, signal);
    if (found?.state === undefined) return;
    const submitted = found.submitted > 0 ? found.submitted : undefined;
    if (!isRowOfRun({ start, restarts }, { ...found, submitted })) return;
    if (!(await scheduler.cancelRun(found, why, signal))) return;
    log.warn('a job is cancelled, as a node lacks its secrets', { job: jobId, start });
    untold.set(`${jobId} ${start}`, { jobId, start });
  };
  const tell = async (run: RunName): Promise<void> => {
    try {
      await options.broker().end({ run, cancelled: true }, signal);
    } catch (error) {
      if (!isDecision(error)) throw error;
    }
  };
  /** One that cannot be cancelled, or told of, must not keep the others. */
  const attempt = async (job: number | undefined, work: () => Promise<void>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      if (hasCode(error, 'cancelled')) throw error;
      log.warn('cancelling a job is not done yet, and is tried again', { job }, LeaseholdError.from(error));
      return false;
    }
  };

  return async (runs) => {
    for (let at = 0; at < runs.length; at += atOnce)
      await Promise.all(runs.slice(at, at + atOnce).map((run) => attempt(run.run?.jobId, () => cancel(run))));
    for (const [key, run] of untold) if (await attempt(run.jobId, () => tell(run))) untold.delete(key);
  };
}
