import type { Session } from '../ledger/ledger.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Secret } from '../platform/secret.ts';
import type { SecretSource } from '../policy/bundle.ts';

/**
 * Throws `backend_reply_invalid` where nodes of a run would have the same private key, which then proves of none of them which it is: leased secrets
 * that hold one are for bundles with `perNode`. Told by the names that Vault's engines give such fields, and by PEM (RFC 7468).
 */
export function requireNoSharedKey(
  session: Pick<Session, 'identity' | 'node'>,
  source: SecretSource,
  fields: ReadonlyMap<string, Secret>,
): void {
  const { identity, node } = session;
  if (identity.kind !== 'run' || identity.nodes.length === 1 || node !== '') return;
  for (const [name, value] of fields) {
    if (!name.startsWith('private_key') && !Buffer.from(value.open()).includes(pem)) continue;
    const detail = `the nodes of a run would share a private key, and the bundle has no perNode: ${source.path}`;
    throw new LeaseholdError('backend_reply_invalid', { detail });
  }
}

const pem = 'PRIVATE KEY-----';
