import type { SecretSource } from '../policy/bundle.ts';
import type { BackendSecret } from './backend.ts';

/** What is wrong with the first lease of a leased secret; undefined when nothing is. */
export type FirstLeaseFault =
  /** The read made no lease, so nothing could be taken back. */
  | 'no_lease'
  /** It cannot be renewed to its working ttl. */
  | 'not_renewable'
  /** It lives longer than the probation: a crash before it is recorded would leave it alive for that long. */
  | 'too_long';

/**
 * Judges the first lease of a leased secret. The lease exists whatever the answer is: record it first, and revoke it
 * when there is a fault. `allowLongLeases` are paths that the site has allowed by name; for them only the length and
 * renewability are forgiven. A static secret must not come with a lease (`unexpected_lease`): nobody would hold it.
 */
export function checkLease(
  source: SecretSource,
  lease: BackendSecret['lease'],
  rules: { readonly probationSeconds: number; readonly allowLongLeases: readonly string[] },
): FirstLeaseFault | 'unexpected_lease' | undefined {
  if (source.kind === 'static') return lease === undefined ? undefined : 'unexpected_lease';
  if (lease === undefined) return 'no_lease';
  if (rules.allowLongLeases.includes(source.path)) return undefined;
  if (lease.ttlSeconds > rules.probationSeconds) return 'too_long';
  return lease.renewable ? undefined : 'not_renewable';
}
