import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { ClusterTrust } from '../../../src/identity/cluster-config.ts';

/** Builds tokens by hand, because a library would refuse to make most of those that a verifier must refuse. */

export const podUid = '0b5f2a58-7a1c-4f3e-9c0d-1d2e3f405162';
export const serviceAccountUid = '9a8b7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d';

export const trust: ClusterTrust = {
  name: 'east',
  issuer: 'https://kubernetes.east.example',
  audience: 'leasehold',
  maxTokenSeconds: 3600,
  staleAfterSeconds: 60,
  lostAfterSeconds: 600,
};

export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly publicJwk: Readonly<Record<string, unknown>>;
}

export function signingKey(kid: string, alg: 'RS256' | 'ES256' | 'ES384' | 'EdDSA' = 'ES256'): SigningKey {
  const pair =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : alg === 'EdDSA'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: alg === 'ES256' ? 'P-256' : 'P-384' });
  const publicJwk = { ...pair.publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
  return { kid, alg, privateKey: pair.privateKey, publicJwk };
}

export function jwksOf(...keys: readonly SigningKey[]): Buffer {
  return Buffer.from(JSON.stringify({ keys: keys.map((key) => key.publicJwk) }));
}

export type Claims = Record<string, unknown>;

export function claimsAt(nowMs: number, changes: Claims = {}): Claims {
  const now = Math.floor(nowMs / 1000);
  return {
    iss: trust.issuer,
    sub: 'system:serviceaccount:shop:till',
    aud: [trust.audience],
    exp: now + 600,
    iat: now,
    nbf: now,
    jti: '3f0e2a9c-0000-4000-8000-000000000001',
    'kubernetes.io': bindingOf(),
    ...changes,
  };
}

export function bindingOf(changes: Claims = {}): Claims {
  return {
    namespace: 'shop',
    node: { name: 'node-1', uid: 'cafe' },
    pod: { name: 'till-0', uid: podUid },
    serviceaccount: { name: 'till', uid: serviceAccountUid },
    ...changes,
  };
}

export function base64url(text: string | Uint8Array): string {
  return Buffer.from(text).toString('base64url');
}

/** Signs whatever the header and payload are, given as objects or as raw text. */
export function signedToken(
  key: SigningKey,
  payload: Claims | string,
  header: Claims | string = { alg: key.alg, kid: key.kid },
): Buffer {
  const text = (part: Claims | string) => (typeof part === 'string' ? part : JSON.stringify(part));
  const input = `${base64url(text(header))}.${base64url(text(payload))}`;
  return Buffer.from(`${input}.${base64url(signatureOf(key, input))}`);
}

function signatureOf(key: SigningKey, input: string): Buffer {
  const data = Buffer.from(input);
  if (key.alg === 'EdDSA') return sign(null, data, key.privateKey);
  if (key.alg === 'RS256') return sign('sha256', data, key.privateKey);
  const hash = key.alg === 'ES384' ? 'sha384' : 'sha256';
  return sign(hash, data, { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
}

/** The PEM that an attacker would feed to HMAC as if it were a shared secret. */
export function publicPem(key: SigningKey): string {
  const pem = createPublicKey(createPrivateKey(key.privateKey.export({ type: 'pkcs8', format: 'pem' })));
  return pem.export({ type: 'spki', format: 'pem' });
}
