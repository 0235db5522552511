import { type KeyObject, X509Certificate } from 'node:crypto';
import { checkServerIdentity } from 'node:tls';
import { LeaseholdError } from './error.ts';

/** Who a server has to be, for what it has signed to be believed. */
export interface ServerTrust {
  /** PEM. The only roots that are trusted. */
  readonly ca: Uint8Array;
  /** Its certificate must carry one of these names or addresses. */
  readonly names: readonly string[];
}

const pemBlock = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
const serverAuth = '1.3.6.1.5.5.7.3.1';
/** A server sends no more, and nobody reads more. */
export const longestChain = 16;
/** As OpenSSL has it at its usual security level. */
const leastRsaBits = 2_048;
/** MD2, MD5 and SHA-1 with RSA, SHA-1 as OIW names it, and with ECDSA. */
const weakSignatures: readonly string[] = [
  '1.2.840.113549.1.1.2',
  '1.2.840.113549.1.1.4',
  '1.2.840.113549.1.1.5',
  '1.3.14.3.2.29',
  '1.2.840.10045.4.1',
];

/**
 * The first of the certificates (DER), once it is one that TLS would have taken from a server of that name at that time (milliseconds since the Unix
 * epoch). Node has no such check outside of a handshake, and none for another time than now. What it cannot read are key usages, and limits on the
 * length of a chain and on names in authorities' certificates: TLS has looked at those when the certificates came, and whoever could make use of that
 * gap has an authority of the site's already. Throws `credential_*` with the rule.
 */
export function verifyServerChain(
  certificates: readonly Uint8Array[],
  { ca, names }: ServerTrust,
  at: number,
): X509Certificate {
  const [leaf, ...others] = certificates.length > longestChain ? [] : parseAll(certificates);
  if (leaf === undefined)
    throw new LeaseholdError('credential_malformed', { detail: 'there is no chain of certificates' });
  if (!carries(leaf, names)) throw bad("the certificate does not carry the broker's name");
  if (!mayServe(leaf)) throw bad('the certificate is not one for servers');
  if (!wasValid(leaf, at))
    throw new LeaseholdError('credential_expired', { detail: 'the certificate was not valid at that time' });
  const trusted = parseAll(Buffer.from(ca).toString('latin1').match(pemBlock) ?? []);
  const roots = trusted.filter((root) => root.checkIssued(root));
  // Authorities beside a root in its file are no roots, but may be what a server forgot to send.
  const chain = { roots, between: [...others, ...trusted], at };
  if (!leadsToRoot(leaf, chain, new Set()))
    throw new LeaseholdError('credential_unknown_issuer', {
      detail: 'the certificate does not lead to the CA that is trusted',
    });
  return leaf;
}

function carries(leaf: X509Certificate, names: readonly string[]): boolean {
  try {
    const legacy = leaf.toLegacyObject();
    return names.some((name) => checkServerIdentity(name, legacy) === undefined);
  } catch {
    // A list of names that is not well formed.
    return false;
  }
}

interface Chain {
  readonly roots: readonly X509Certificate[];
  readonly between: readonly X509Certificate[];
  readonly at: number;
}

/** Each authority is looked at once, so that one that sends a tangle of them costs no more than their number. */
function leadsToRoot(certificate: X509Certificate, chain: Chain, seen: Set<X509Certificate>): boolean {
  if (!isSound(certificate, chain.at)) return false;
  if (chain.roots.some((root) => root.raw.equals(certificate.raw))) return true;
  if (weakSignatures.includes(certificate.signatureAlgorithmOid)) return false;
  return chain.between.some((authority) => {
    // A root of X.509 version 1 cannot say that it is an authority; that it is in the file says so.
    const mayIssue = authority.ca || chain.roots.includes(authority);
    if (seen.has(authority) || !mayIssue || !isIssuedBy(certificate, authority)) return false;
    seen.add(authority);
    return leadsToRoot(authority, chain, seen);
  });
}

function isIssuedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  const key = keyOf(authority);
  return key !== undefined && certificate.checkIssued(authority) && certificate.verify(key);
}

function isSound(certificate: X509Certificate, at: number): boolean {
  const key = keyOf(certificate);
  return (
    key !== undefined &&
    (key.asymmetricKeyDetails?.modulusLength ?? leastRsaBits) >= leastRsaBits &&
    wasValid(certificate, at) &&
    mayServe(certificate)
  );
}

/** Read when it is asked for: a certificate that parses may hold a key that does not. */
function keyOf(certificate: X509Certificate): KeyObject | undefined {
  try {
    return certificate.publicKey;
  } catch {
    return undefined;
  }
}

function wasValid({ validFromDate, validToDate }: X509Certificate, at: number): boolean {
  return at >= validFromDate.getTime() && at <= validToDate.getTime();
}

/** Typed as if it were always there. A certificate that says nothing may be used for anything. */
function mayServe({ keyUsage }: { readonly keyUsage: readonly string[] | undefined }): boolean {
  return keyUsage === undefined || keyUsage.includes(serverAuth);
}

function parseAll(certificates: readonly (Uint8Array | string)[]): readonly X509Certificate[] {
  try {
    return certificates.map((one) => new X509Certificate(one));
  } catch {
    throw new LeaseholdError('credential_malformed', { detail: 'a certificate cannot be read' });
  }
}

function bad(detail: string): LeaseholdError {
  return new LeaseholdError('credential_bad_signature', { detail });
}
