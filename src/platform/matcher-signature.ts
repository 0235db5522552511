import { constants, type KeyObject, sign, verify } from 'node:crypto';

/**
 * What a broker's TLS key signs besides handshakes. Framed as TLS 1.3 frames what it signs (RFC 8446, 4.4.3), with words of our own: neither can
 * a handshake pass for a set of matchers, nor the other way round, nor can a TLS 1.2 server with the same key be led to sign one, since there the
 * client chooses the first 32 bytes.
 */
const context = Buffer.from(`${' '.repeat(64)}leasehold matchers v1\0`, 'latin1');

const digestOfCurve: Readonly<Record<string, string>> = {
  prime256v1: 'sha256',
  secp384r1: 'sha384',
  secp521r1: 'sha512',
};

interface Scheme {
  /** Null where the key's type has one of its own. */
  readonly digest: string | null;
  readonly options: object;
}

/** By the key alone: a signature that named its own algorithm could name a weak one. */
function schemeOf(key: KeyObject): Scheme | undefined {
  switch (key.asymmetricKeyType) {
    case 'ed25519':
    case 'ed448':
      return { digest: null, options: {} };
    case 'ec': {
      const digest = digestOfCurve[key.asymmetricKeyDetails?.namedCurve ?? ''];
      return digest === undefined ? undefined : { digest, options: { dsaEncoding: 'der' } };
    }
    case 'rsa':
    case 'rsa-pss':
      return { digest: 'sha256', options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } };
    default:
      return undefined;
  }
}

/** Undefined for a key that can sign nothing but handshakes. */
export function signMatchers(set: Uint8Array, key: KeyObject): Buffer | undefined {
  const scheme = schemeOf(key);
  if (scheme === undefined) return undefined;
  try {
    return sign(scheme.digest, Buffer.concat([context, set]), { key, ...scheme.options });
  } catch {
    // An RSA key may be bound to another digest.
    return undefined;
  }
}

export function isMatchersSignature(signature: Uint8Array, set: Uint8Array, key: KeyObject): boolean {
  const scheme = schemeOf(key);
  if (scheme === undefined) return false;
  try {
    return verify(scheme.digest, Buffer.concat([context, set]), { key, ...scheme.options }, signature);
  } catch {
    return false;
  }
}
