import { matchesPattern } from './name-pattern.ts';

/** Conditions of one grant that delivers a bundle by itself. Every list that is not empty must match; `*` stands for any run of characters. */
export interface RunMatcher {
  readonly users: readonly string[];
  readonly groups: readonly string[];
  readonly partitions: readonly string[];
  readonly accounts: readonly string[];
  readonly qos: readonly string[];
  /** Every node of the run that is known must match one. */
  readonly nodes: readonly string[];
  /** Only tasks of arrays, or only what is none. */
  readonly array?: boolean | undefined;
}

/** What is known of a job where nobody but the scheduler can be asked. What is undefined may be any. */
export interface MatchedJob {
  readonly user: string | undefined;
  readonly group: string | undefined;
  readonly partition: string | undefined;
  readonly account: string | undefined;
  readonly qos: string | undefined;
  /** Those that are known; a node knows itself alone. */
  readonly nodes: readonly string[];
  readonly isArrayTask: boolean | undefined;
  /** Bundles that the user wishes for. */
  readonly requested: readonly string[];
}

/** What a broker said of the grants of one cluster, and when. */
export interface DatedMatchers {
  /** Milliseconds since the Unix epoch, by the broker's clock where it has dated them. */
  readonly issuedAt: number;
  readonly matchers: readonly RunMatcher[];
}

/** Longer than any outage that is seen to. Grants that were made meanwhile are then not known of. */
const longestMs = 7 * 86_400_000;
/** What clocks of one site may differ by: munge lets no more pass. */
const aheadMs = 300_000;

/** Whether a broker's word of then says nothing any more. One from the future says nothing either: a clock is wrong, and how old it is cannot be told. */
export const areOutOfDate = ({ issuedAt }: Pick<DatedMatchers, 'issuedAt'>, now: number): boolean =>
  !(issuedAt <= now + aheadMs && now - issuedAt <= longestMs);

/** Whether a grant delivers something to this job, or its user asked for something. */
export function needsSecrets(
  job: MatchedJob,
  { matchers }: { readonly matchers: readonly RunMatcher[] },
): boolean {
  return (
    job.requested.length > 0 ||
    matchers.some(
      (one) =>
        fits(one.users, job.user) &&
        fits(one.groups, job.group) &&
        fits(one.partitions, job.partition) &&
        fits(one.accounts, job.account) &&
        fits(one.qos, job.qos) &&
        job.nodes.every((node) => fits(one.nodes, node)) &&
        (one.array === undefined || job.isArrayTask === undefined || one.array === job.isArrayTask),
    )
  );
}

/** A name that is not known may be any: a job is taken to need secrets too often rather than started without. */
function fits(list: readonly string[], value: string | undefined): boolean {
  return list.length === 0 || value === undefined || list.some((pattern) => matchesPattern(pattern, value));
}
