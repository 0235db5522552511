import type { Identity } from '../identity/identity.ts';
import type { Bundle } from './bundle.ts';
import type { Decision } from './decision.ts';

/** The policy in force. Reloading swaps it whole; an invalid new version leaves the old one in force. */
export interface PolicySource {
  decide(identity: Identity, bundle: string): Decision;
  bundle(name: string): Bundle | undefined;
  bundles(): readonly Bundle[];
  /** Short digest of the policy text, for audit records. */
  readonly revision: string;
  /** Called after a new version came into force. The returned function unsubscribes. */
  subscribe(listener: () => void): () => void;
}
