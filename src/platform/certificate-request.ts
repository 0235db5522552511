import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { LeaseholdError } from './error.ts';

/** A request that a key has signed for itself. */
export interface CertificateRequest {
  readonly publicKey: KeyObject;
  /** SHA-256 of the public key (SubjectPublicKeyInfo), hex. */
  readonly key: string;
  readonly pem: string;
}

/**
 * The one form of a PKCS #10 request (RFC 2986) that there is between nodes and brokers: version 0, no subject, no attributes, a P-256 key, ECDSA
 * with SHA-256. Who the certificate names is not the node's to say, so there is nothing else to read, and nothing of DER to be parsed.
 */
const beforePoint = Buffer.from(
  '30620201003000' + '3059301306072a8648ce3d020106082a8648ce3d030107034200',
  'hex',
);
const spkiAt = 7;
const pointBytes = 65;
const noAttributes = Buffer.from('a000', 'hex');
const ecdsaWithSha256 = Buffer.from('300a06082a8648ce3d040302', 'hex');
const infoBytes = beforePoint.length + pointBytes + noAttributes.length;
/** Of an ECDSA signature of this curve in DER. */
const signatureBytes = { least: 8, most: 72 };

/** Of a P-256 private key. DER. */
export function makeCertificateRequest(privateKey: KeyObject): Buffer {
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const info = Buffer.concat([beforePoint.subarray(0, spkiAt), spki, noAttributes]);
  const signature = sign('sha256', info, { key: privateKey, dsaEncoding: 'der' });
  const bits = Buffer.concat([Buffer.from([0x03, signature.length + 1, 0]), signature]);
  const body = Buffer.concat([info, ecdsaWithSha256, bits]);
  return Buffer.concat([Buffer.from([0x30, 0x81, body.length]), body]);
}

/** Throws `request_invalid` for every other form, a point that is not on the curve, and a signature that is not the key's. */
export function parseCertificateRequest(der: Uint8Array): CertificateRequest {
  const bytes = Buffer.from(der);
  const info = bytes.subarray(3, 3 + infoBytes);
  const spki = info.subarray(spkiAt, infoBytes - noAttributes.length);
  const rest = bytes.subarray(3 + infoBytes);
  const signatureAt = ecdsaWithSha256.length + 3;
  const signature = rest.subarray(signatureAt);
  const isOurs =
    signature.length >= signatureBytes.least &&
    signature.length <= signatureBytes.most &&
    bytes.subarray(0, 3).equals(Buffer.from([0x30, 0x81, bytes.length - 3])) &&
    info.subarray(0, beforePoint.length).equals(beforePoint) &&
    info[beforePoint.length] === 0x04 &&
    info.subarray(-noAttributes.length).equals(noAttributes) &&
    rest.subarray(0, ecdsaWithSha256.length).equals(ecdsaWithSha256) &&
    rest.subarray(ecdsaWithSha256.length, signatureAt).equals(Buffer.from([0x03, signature.length + 1, 0]));
  if (!isOurs) throw invalid('is not a PKCS #10 request of a P-256 key without subject and attributes');
  const publicKey = keyOf(spki);
  if (publicKey === undefined || !verify('sha256', info, { key: publicKey, dsaEncoding: 'der' }, signature))
    throw invalid('is not signed by its own key');
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    publicKey,
    key: createHash('sha256').update(spki).digest('hex'),
    pem: `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`,
  };
}

function keyOf(spki: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: spki, type: 'spki', format: 'der' });
  } catch {
    return undefined;
  }
}

function invalid(rule: string): LeaseholdError {
  return new LeaseholdError('request_invalid', { detail: `the certificate request ${rule}` });
}
