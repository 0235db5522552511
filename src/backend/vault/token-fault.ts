import type { z } from 'zod';
import type { createdToken } from './vault-schemas.ts';

/**
 * The rule that a new token breaks, or undefined. Each stops a role that a site has set up otherwise than printed: a
 * period makes a token immortal and shows as a longer ttl (Vault says nothing about it), a parent or an entity makes it
 * die or gain rights with somebody else, `root` and `default` reach past the bundle, a batch token cannot be revoked.
 */
export function tokenFault(
  auth: z.infer<typeof createdToken>['auth'],
  rules: { readonly probationSeconds: number },
): string | undefined {
  const policies = [...auth.policies, ...(auth.token_policies ?? []), ...(auth.identity_policies ?? [])];
  if (auth.token_type !== 'service') return 'type is not service';
  if (!auth.orphan) return 'not an orphan';
  if (auth.lease_duration < 1) return 'no ttl';
  if (auth.lease_duration > rules.probationSeconds) return 'ttl above the probation';
  if (!auth.renewable) return 'not renewable';
  if (policies.length === 0) return 'no policy';
  if (policies.includes('root')) return 'root policy';
  if (policies.includes('default')) return 'default policy';
  if ((auth.identity_policies ?? []).length > 0 || (auth.entity_id ?? '') !== '') return 'bound to an entity';
  if ((auth.num_uses ?? 0) !== 0) return 'limited number of uses';
  return undefined;
}
