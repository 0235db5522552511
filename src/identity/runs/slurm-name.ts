import { createHash, X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import { uriNames } from '../../platform/certificate-uris.ts';

/** Cluster and node names of a batch scheduler. */
export const slurmName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/;

/** Whom a certificate on the listener for nodes and signers names. */
export type SlurmName =
  | { readonly kind: 'node'; readonly cluster: string; readonly node: string }
  | { readonly kind: 'signer'; readonly cluster: string };

/** What is needed of a certificate that TLS has verified. */
export type SlurmCertificate = Pick<PeerCertificate, 'subjectaltname' | 'raw' | 'valid_from' | 'valid_to'>;

/**
 * `spiffe://<trust domain>/slurm/<cluster>/node/<node>` or `…/signer`. A certificate with several URIs names nobody: which of them counts would
 * be a matter of order.
 */
export function slurmNameOf(
  certificate: Pick<SlurmCertificate, 'subjectaltname'> | undefined,
  trustDomain: string,
): SlurmName | undefined {
  const [uri, ...others] = uriNames(certificate?.subjectaltname ?? '');
  const prefix = `spiffe://${trustDomain}/slurm/`;
  if (uri === undefined || others.length > 0 || !uri.startsWith(prefix)) return undefined;
  const [, cluster = '', rest = '', node] =
    /^([^/]+)\/(signer|node\/([^/]+))$/.exec(uri.slice(prefix.length)) ?? [];
  if (!slurmName.test(cluster)) return undefined;
  if (rest === 'signer') return { kind: 'signer', cluster };
  return node !== undefined && slurmName.test(node) ? { kind: 'node', cluster, node } : undefined;
}

/** The name of a node in its certificate. */
export function nodeUri(
  trustDomain: string,
  { cluster, node }: { readonly cluster: string; readonly node: string },
): string {
  return `spiffe://${trustDomain}/slurm/${cluster}/node/${node}`;
}

/** SHA-256 of the public key (SubjectPublicKeyInfo), hex. Throws for a certificate that cannot be read. */
export function publicKeyDigest({ raw }: Pick<SlurmCertificate, 'raw'>): string {
  const known = digests.get(raw);
  if (known !== undefined) return known;
  const key = new X509Certificate(raw).publicKey.export({ type: 'spki', format: 'der' });
  const digest = createHash('sha256').update(key).digest('hex');
  digests.set(raw, digest);
  return digest;
}

/** By the bytes that TLS has verified, which are a connection's own and which nobody writes to: all its runs come with the same ones. */
const digests = new WeakMap<Buffer, string>();
