import { LeaseholdError } from '../platform/error.ts';
import type { SecretSource } from '../policy/bundle.ts';
import type { BackendSecret } from './backend.ts';

/**
 * Judges the first lease that a read made. The lease exists whatever comes out: record it before asking here, and revoke
 * it when this throws `backend_reply_invalid`; the detail names the rule. Rules: a leased secret has a lease, that is
 * renewable and at first no longer than the probation (a crash before it is recorded would leave it alive for that long);
 * a static secret has none, because nobody would hold it. For paths in `allowed`, which the site lists by name, length and
 * renewability are forgiven.
 */
export function checkLease(
  source: SecretSource,
  lease: BackendSecret['lease'],
  rules: { readonly probationSeconds: number; readonly allowed: readonly string[] },
): void {
  const refuse = (rule: string) => {
    throw new LeaseholdError('backend_reply_invalid', { detail: `${rule}: ${source.path}` });
  };
  if (source.kind === 'static') {
    if (lease !== undefined) refuse('the read of a static secret made a lease');
    return;
  }
  if (lease === undefined) {
    refuse('the read of a leased secret made no lease');
    return;
  }
  if (rules.allowed.includes(source.path)) return;
  if (lease.ttlSeconds > rules.probationSeconds) refuse('the first lease is longer than the probation');
  if (!lease.renewable) refuse('the lease is not renewable');
}
