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
    if (!fieldsOfKeys.has(name) && !holdsKey(value.open())) continue;
    const detail = `the nodes of a run would share a private key, and the bundle has no perNode: ${source.path}`;
    throw new LeaseholdError('backend_reply_invalid', { detail });
  }
}

const fieldsOfKeys: ReadonlySet<string> = new Set(['private_key', 'private_key_data']);

/** Looked for in place: a copy would be another one to wipe. */
function holdsKey({ buffer, byteOffset, byteLength }: Uint8Array): boolean {
  return Buffer.from(buffer, byteOffset, byteLength).includes('PRIVATE KEY-----');
}
