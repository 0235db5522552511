import type { Identity } from '../identity/identity.ts';

/** Whose turn it is in the queue in front of the backend: one tenant's storm must not hold up the others. */
export function tenantOf(identity: Identity): string {
  return identity.kind === 'pod' ? identity.namespace : `user ${identity.user}`;
}
