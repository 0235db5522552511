import { accountName, lookedUpName } from '../../src/platform/account-name.ts';
import { LeaseholdError } from '../../src/platform/error.ts';
import type { HookRequest } from '../../src/platform/hook-request.ts';
import { readJobWish } from '../../src/platform/job-wish.ts';
import type { MatchedJob } from '../../src/platform/run-matchers.ts';
import { readSluid, sluidPattern } from '../../src/platform/sluid.ts';

/** The job that a hook speaks of, as slurmd told it to the hook. */
export interface SeenJob {
  readonly cluster: string;
  readonly node: string;
  readonly job: number;
  readonly uid: number;
  readonly gid: number;
  /** Right in a prolog; at the end of a run that is requeued it is that of the next one. */
  readonly restarts: number | undefined;
  /** Seconds since the Unix epoch, where this Slurm tells nodes. */
  readonly start: number | undefined;
  /** Where Slurm has one. It stays that of the first prolog, which is the one that was registered, when the run is resized. */
  readonly sluid: string | undefined;
  /** Of a component of a heterogeneous job other than its first: the first one's job id, by which its tasks know themselves. */
  readonly het: number | undefined;
  /** Of a prolog: what tells whether it may need secrets at all, where no broker can be asked. */
  readonly facts: MatchedJob;
}

/** What is known of a run before the broker names it. */
export type RunSubject = Pick<SeenJob, 'job' | 'uid' | 'gid' | 'restarts' | 'start' | 'sluid' | 'het'>;

const name = /^[A-Za-z0-9._-]{1,255}$/;
const label = /^[A-Za-z0-9._@+-]{1,255}$/;

function invalid(detail: string): LeaseholdError {
  return new LeaseholdError('request_invalid', { detail });
}

/** Throws `request_invalid` when a variable that is needed is missing, or one does not look as Slurm writes it. */
export function readSeenJob({ variables }: HookRequest): SeenJob {
  const whole = (key: string, min: number, max: number): number | undefined => {
    const text = variables.get(key) ?? '';
    if (text === '') return undefined;
    const value = /^(0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : -1;
    if (value < min || value > max) throw invalid(`${key} is not a number in its range`);
    return value;
  };
  const named = (key: string): string | undefined => {
    const text = variables.get(key) ?? '';
    if (text === '') return undefined;
    if (!name.test(text)) throw invalid(`${key} is not a proper name`);
    return text;
  };
  const sluid = (): string | undefined => {
    const known = readSluid(variables.get('SLURM_JOB_SLUID') ?? '');
    if (known !== undefined && !sluidPattern.test(known))
      throw invalid('SLURM_JOB_SLUID is not a proper name');
    return known;
  };
  const needed = <T>(key: string, value: T | undefined): T => {
    if (value === undefined) throw invalid(`${key} is missing`);
    return value;
  };
  const maxId = 4_294_967_294;
  const job = needed('SLURM_JOB_ID', whole('SLURM_JOB_ID', 1, maxId));
  const het = whole('SLURM_HET_JOB_ID', 0, maxId);
  const start = whole('SLURM_JOB_START_TIME', 0, 2 ** 40);
  const uid = needed('SLURM_JOB_UID', whole('SLURM_JOB_UID', 0, maxId));
  const node = needed('SLURMD_NODENAME', named('SLURMD_NODENAME'));
  return {
    cluster: needed('SLURM_CLUSTER_NAME', named('SLURM_CLUSTER_NAME')),
    node,
    job,
    uid,
    gid: needed('SLURM_JOB_GID', whole('SLURM_JOB_GID', 0, maxId)),
    restarts: whole('SLURM_JOB_RESTART_COUNT', 0, 2 ** 31),
    start: start === 0 ? undefined : start,
    sluid: sluid(),
    het: het === job || het === 0 ? undefined : het,
    facts: readFacts(variables, { uid, node }),
  };
}

/** Never refused: what does not look as it should may be anything, and that is what unknown means here. */
function readFacts(
  variables: HookRequest['variables'],
  { uid, node }: Pick<SeenJob, 'uid' | 'node'>,
): MatchedJob {
  const known = (key: string, rule: RegExp): string | undefined => {
    const text = variables.get(key) ?? '';
    return rule.test(text) ? text : undefined;
  };
  const user = known('SLURM_JOB_USER', accountName);
  return {
    user: user === undefined ? undefined : lookedUpName(user, uid),
    partition: known('SLURM_JOB_PARTITION', label),
    account: known('SLURM_JOB_ACCOUNT', label),
    // No Slurm tells nodes these before 26.05.
    group: undefined,
    qos: undefined,
    nodes: [node],
    // Told to PrologSlurmctld alone.
    isArrayTask: undefined,
    requested: readJobWish(variables.get('SPANK_LEASEHOLD') ?? '', variables.get('SLURM_JOB_COMMENT') ?? ''),
  };
}
