import type { Audit } from '../../audit/audit.ts';
import type { RunIdentity } from '../../identity/identity.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { type ErrorCode, LeaseholdError } from '../../platform/error.ts';
import type { PolicySource } from '../../policy/policy-source.ts';
import { identityFacts } from '../audit-facts.ts';

/** What a node of a run has said of itself: it could not deliver the run's files. */
export interface Undelivered {
  readonly identity: RunIdentity;
  /** Bundles that its nodes are to deliver. */
  readonly bundles: readonly string[];
  readonly node: string;
  readonly code: ErrorCode;
}

/** By the policy of this moment. */
export function isCancelledWithout(policy: PolicySource, bundles: readonly string[]): boolean {
  return bundles.some((name) => policy.bundle(name)?.nodeWithoutSecrets === 'cancel_job');
}

/**
 * Keeps it, with a record for the first word of each node. Returns whether the policy wants the job cancelled: one of the run's bundles says so. Throws
 * `workload_ended` for a run that ends or has ended.
 */
export async function keepUndelivered(
  parts: {
    readonly ledger: Ledger;
    readonly policy: PolicySource;
    readonly audit: Audit;
    readonly now: () => number;
  },
  { identity, bundles, node, code }: Undelivered,
): Promise<boolean> {
  const { workload } = identity;
  const cancels = isCancelledWithout(parts.policy, bundles);
  const outcome = await parts.ledger.recordUndelivered({ workload, node, code, cancels, at: parts.now() });
  if (outcome === 'over' || outcome === 'unknown') throw new LeaseholdError('workload_ended');
  if (outcome === 'recorded')
    await parts.audit.record({
      action: 'run_undelivered',
      outcome: 'failed',
      code,
      ...identityFacts(identity),
      node: `${identity.cluster}/${node}`,
      policyRevision: parts.policy.revision,
      reason: `its agent gave up; ${cancels ? 'the job is to be cancelled' : 'only its tasks there fail'}`,
    });
  return cancels;
}
