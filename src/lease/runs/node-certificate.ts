import { X509Certificate, type KeyObject } from 'node:crypto';
import type { SignedCertificate } from '../../backend/certificate-signer.ts';
import { LeaseholdError } from '../../platform/error.ts';

/** What a node gets: PEM, its certificate first, then those between it and the root. */
export interface NodeCertificate {
  readonly chain: string;
  readonly expiresAt: number;
}

const clientAuth = '1.3.6.1.5.5.7.3.2';
/** An authority may count from its own clock, and from a little earlier. */
const leewayMs = 120_000;

/**
 * Takes a certificate for what was asked and nothing else: a role that adds names, makes an authority, signs another key or lets it live longer
 * would hand out more than a node. Throws `backend_reply_invalid`.
 */
export function checkNodeCertificate(
  signed: SignedCertificate,
  asked: { readonly publicKey: KeyObject; readonly uri: string; readonly latestEnd: number },
): NodeCertificate {
  const invalid = (what: string) =>
    new LeaseholdError('backend_reply_invalid', { detail: `the certificate of a node ${what}` });
  const parse = (pem: string) => {
    try {
      return new X509Certificate(pem);
    } catch {
      throw invalid('cannot be read');
    }
  };
  const leaf = parse(signed.certificate);
  if (leaf.subjectAltName !== `URI:${asked.uri}`) throw invalid('has other names than that of the node');
  if (!leaf.publicKey.equals(asked.publicKey)) throw invalid('is of another key');
  // `keyUsage` is Node's name for the extended one, and undefined without it, whatever its type says.
  if (leaf.ca || JSON.stringify(leaf.keyUsage) !== JSON.stringify([clientAuth]))
    throw invalid('is good for more than a client');
  const expiresAt = Date.parse(leaf.validTo);
  if (!(expiresAt <= asked.latestEnd + leewayMs)) throw invalid('lives longer than was asked');
  const between = signed.authorities.map(parse).filter(({ subject, issuer }) => subject !== issuer);
  return { chain: [leaf, ...between].map((one) => one.toString()).join(''), expiresAt };
}
