import type { Identity, RunIdentity } from '../identity/identity.ts';
import type { Bundle } from './bundle.ts';
import type { Decision, RunBundles } from './decision.ts';
import type { GrantRule, RunConditions } from './grant.ts';

/** The policy in force. Reloading swaps it whole; an invalid new version leaves the old one in force. */
export interface PolicySource {
  decide(identity: Identity, bundle: string): Decision;
  /** What the nodes of a run are to deliver, and which of its wishes are refused. */
  bundlesForRun(identity: RunIdentity, requested: readonly string[]): RunBundles;
  /** Allows that deliver to runs of that cluster by themselves: which runs need secrets. */
  runGrants(cluster: string): readonly (GrantRule & { readonly runs: RunConditions })[];
  bundle(name: string): Bundle | undefined;
  bundles(): readonly Bundle[];
  /** Short digest of the policy text, for audit records. */
  readonly revision: string;
  /** Called after a new version came into force. The returned function unsubscribes. */
  subscribe(listener: () => void): () => void;
}
