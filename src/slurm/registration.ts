import { accountName, lookedUpName } from '../platform/account-name.ts';
import { LeaseholdError } from '../platform/error.ts';
import { expandHostlist } from '../platform/hostlist.ts';
import type { HookRequest } from '../platform/hook-request.ts';
import { readJobWish } from '../platform/job-wish.ts';
import type { MatchedJob } from '../platform/run-matchers.ts';
import { readSluid, sluidPattern } from '../platform/sluid.ts';
import type { JobName, ScheduledRun } from './scheduler.ts';

/** What PrologSlurmctld says of a job. Slurm's controller itself sets these variables. */
export interface StartingJob {
  readonly jobId: number;
  readonly uid: number;
  readonly gid: number;
  /** Undefined where Slurm could not look it up. */
  readonly user: string | undefined;
  readonly group: string | undefined;
  /** Undefined where it is no name that an account may have. */
  readonly account: string | undefined;
  readonly partition: string;
  /** Likewise. */
  readonly qos: string | undefined;
  readonly restarts: number;
  readonly nodes: readonly string[];
  readonly array: { readonly job_id: number; readonly task_id: number } | undefined;
  readonly het: { readonly job_id: number; readonly offset: number } | undefined;
  readonly sluid: string | undefined;
  /** Bundles that the user wishes for: no proof of anything. */
  readonly requested: readonly string[];
}

/** One whose user and group Slurm could look up. */
export type NamedJob = StartingJob & { readonly user: string; readonly group: string };

const maxId = 4_294_967_294;
const label = /^[A-Za-z0-9._@+-]{0,255}$/;
const registrationSeconds = 300;

function readJobId(request: HookRequest, cluster: string): number {
  const { whole, text } = reader(request);
  if (text('SLURM_CLUSTER_NAME') !== cluster) throw invalid('SLURM_CLUSTER_NAME is not this cluster');
  return whole('SLURM_JOB_ID', 1);
}

/** What EpilogSlurmctld says that counts: the restart count is that of the next run by then. */
export type EndingJob = Pick<StartingJob, 'jobId' | 'sluid'>;

/** Throws `request_invalid` for a job of another cluster, and for none. A SLUID that is none keeps no run from its end. */
export function readEndingJob(request: HookRequest, cluster: string): EndingJob {
  const sluid = readSluid(reader(request).text('SLURM_JOB_SLUID'));
  const isOne = sluid !== undefined && sluidPattern.test(sluid);
  return { jobId: readJobId(request, cluster), sluid: isOne ? sluid : undefined };
}

/** Throws `request_invalid` that names the variable. */
export function readStartingJob(request: HookRequest, cluster: string): StartingJob {
  const { text, whole, match } = reader(request);
  const pair = (first: string, second: string) =>
    text(first) === '' ? undefined : ([whole(first, 1), whole(second, 0)] as const);
  const array = pair('SLURM_ARRAY_JOB_ID', 'SLURM_ARRAY_TASK_ID');
  const het =
    text('SLURM_HET_JOB_OFFSET') === '' ? undefined : pair('SLURM_HET_JOB_ID', 'SLURM_HET_JOB_OFFSET');
  const uid = whole('SLURM_JOB_UID', 1);
  const gid = whole('SLURM_JOB_GID', 0);
  return {
    jobId: readJobId(request, cluster),
    uid,
    gid,
    user: lookedUpName(match('SLURM_JOB_USER', accountName), uid),
    group: lookedUpName(match('SLURM_JOB_GROUP', accountName), gid),
    account: labelOrNone(text('SLURM_JOB_ACCOUNT')),
    partition: match('SLURM_JOB_PARTITION', label),
    qos: labelOrNone(text('SLURM_JOB_QOS')),
    restarts: text('SLURM_JOB_RESTART_COUNT') === '' ? 0 : whole('SLURM_JOB_RESTART_COUNT', 0),
    nodes: expandHostlist(text('SLURM_JOB_NODELIST')),
    array: array === undefined ? undefined : { job_id: array[0], task_id: array[1] },
    het: het === undefined ? undefined : { job_id: het[0], offset: het[1] },
    sluid:
      readSluid(text('SLURM_JOB_SLUID')) === undefined ? undefined : match('SLURM_JOB_SLUID', sluidPattern),
    requested: readJobWish(text('SPANK_LEASEHOLD'), text('SLURM_JOB_COMMENT')),
  };
}

/** What tells whether it needs secrets. Its QOS is not known where the controller tells its hook none. */
export function matchedJob(job: StartingJob): MatchedJob {
  return { ...job, qos: job.qos || undefined, isArrayTask: job.array !== undefined };
}

export function hasNames(job: StartingJob): job is NamedJob {
  return job.user !== undefined && job.group !== undefined;
}

/** From the controller's own variables. */
export function jobName({ jobId, array, het }: Pick<StartingJob, 'jobId' | 'array' | 'het'>): JobName {
  return array === undefined ? String(het?.job_id ?? jobId) : `${array.job_id}_${array.task_id}`;
}

/** Claims of docs/slurm-protocol.md. `now` in milliseconds since the Unix epoch. */
export function claimsOf(
  job: NamedJob,
  run: ScheduledRun,
  site: {
    readonly cluster: string;
    readonly audience: string;
    readonly accountingEnforced: boolean;
    readonly qosEnforced: boolean;
    readonly now: number;
  },
): object {
  // Two sources inside Slurm that disagree are a forgery or a job of another day.
  if (run.uid !== job.uid) throw invalid('SLURM_JOB_UID is not what the controller says');
  if (run.start === 0) throw new LeaseholdError('workload_stale', { detail: 'the run has no start yet' });
  const iat = Math.floor(site.now / 1000);
  const { sluid, array, het } = job;
  /** Where accounting is not enforced, users write what they like, and no rule goes by it: an odd one must not fail the job. */
  const vouched = (key: string, name: string | undefined) => {
    if (name === undefined && site.accountingEnforced) throw invalid(`${key} is not a proper name`);
    return name ?? '';
  };
  /** Before Slurm 25.11 slurmctld tells its hook none, and squeue does. Where any user may have any, it says nothing of one. */
  const qos = vouched('SLURM_JOB_QOS', job.qos) || run.qos;
  return {
    iss: `slurm:${site.cluster}`,
    aud: site.audience,
    iat,
    exp: iat + registrationSeconds,
    jti: `${site.cluster}/${job.jobId}/${run.start}`,
    cluster: site.cluster,
    job_id: job.jobId,
    start: run.start,
    ...(sluid === undefined ? {} : { sluid }),
    restarts: job.restarts,
    ...(array === undefined ? {} : { array }),
    ...(het === undefined ? {} : { het }),
    uid: job.uid,
    gid: job.gid,
    user: job.user,
    group: job.group,
    account: vouched('SLURM_JOB_ACCOUNT', job.account),
    partition: job.partition,
    qos: site.qosEnforced ? qos : '',
    accounting_enforced: site.accountingEnforced,
    nodes: job.nodes,
    ends_at: run.endsAt,
  };
}

function labelOrNone(text: string): string | undefined {
  return label.test(text) ? text : undefined;
}

function reader({ variables }: HookRequest) {
  const text = (key: string): string => {
    const value = variables.get(key) ?? '';
    // How Slurm prints what it does not have.
    return value === '(null)' ? '' : value;
  };
  return {
    text,
    whole: (key: string, min: number): number => {
      const value = /^(0|[1-9]\d{0,9})$/.test(text(key)) ? Number(text(key)) : -1;
      if (value < min || value > maxId) throw invalid(`${key} is not a number in its range`);
      return value;
    },
    match: (key: string, rule: RegExp): string => {
      const value = text(key);
      if (!rule.test(value)) throw invalid(`${key} is not a proper name`);
      return value;
    },
  };
}

function invalid(detail: string): LeaseholdError {
  return new LeaseholdError('request_invalid', { detail });
}
