import { bundleName } from '../../src/platform/bundle-name.ts';
import type { Welcome } from '../link.ts';
import type { RunSubject } from './seen-job.ts';
import type { RunRecord } from './run-record.ts';

const workloadPattern = /^run\/[A-Za-z0-9._-]{1,255}\/([1-9][0-9]{0,9})\/([0-9]{1,16})$/;

/** The run that the broker speaks of, where it is the one that this node was told of, with the same owner; undefined where it is another. */
export function welcomedRun(
  { run, workload }: Welcome,
  subject: RunSubject,
  record: RunRecord | undefined,
): Welcome['run'] {
  const [, job, start] = workloadPattern.exec(workload) ?? [];
  const isSame =
    run !== undefined &&
    Number(job) === subject.job &&
    Number(start) === run.start &&
    run.uid === subject.uid &&
    run.gid === subject.gid &&
    run.uid !== 0 &&
    // Both counts are right at this moment; an earlier run of the job may still be the one that is registered.
    (subject.restarts === undefined || subject.restarts === run.restarts) &&
    isStartOf(subject, run.start) &&
    run.bundles.every((name) => bundleName.test(name)) &&
    (record === undefined || record.workload === workload);
  return isSame ? run : undefined;
}

/**
 * Whether the start that the node was told can be that of the run that the broker names. Where nodes had to boot first, the controller has
 * set a later one since; then it is the restart count, the same on both sides by now, that no other run of the job has.
 */
function isStartOf({ start, restarts }: RunSubject, registered: number): boolean {
  return start === undefined || start === registered || (start > registered && restarts !== undefined);
}

/** What the agent keeps of a run from here on. */
export function recordOf(subject: RunSubject, workload: string, run: NonNullable<Welcome['run']>): RunRecord {
  const { start, restarts, bundles } = run;
  return { ...subject, workload, start, seenStart: subject.start, restarts, bundles, owed: undefined };
}
