import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { LeaseholdError } from '../platform/error.ts';

/** What signs the heads of a chain. */
export interface HeadSigner {
  /** Of the keys, in the order of what `sign` returns. */
  readonly keyIds: readonly string[];
  /** One Ed25519 signature for each key, base64. */
  sign(statement: Uint8Array): readonly string[];
}

/** What checks them. */
export interface HeadVerifier {
  knows(keyId: string): boolean;
  /** False for an unknown key. */
  verify(keyId: string, statement: Uint8Array, signature: string): boolean;
}

/** 32 hexadecimal digits: the beginning of the SHA-256 of the public key's SubjectPublicKeyInfo. */
export function keyIdOf(key: KeyObject): string {
  const publicKey = key.type === 'public' ? key : createPublicKey(key);
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 32);
}

/** PEM of an Ed25519 private key, without a passphrase. Throws `config_invalid`. */
export function parseSigningKey(pem: Uint8Array): KeyObject {
  return requireEd25519(() => createPrivateKey(Buffer.from(pem)));
}

/** The public half as PEM, as `openssl pkey -pubout` writes it. */
export function publicPem(key: KeyObject): string {
  return createPublicKey(key).export({ type: 'spki', format: 'pem' });
}

/** During a change of keys there are two, so that whoever has only one of the public halves can check. */
export function createHeadSigner(keys: readonly KeyObject[]): HeadSigner {
  return {
    keyIds: keys.map(keyIdOf),
    sign: (statement) => keys.map((key) => sign(null, statement, key).toString('base64')),
  };
}

/** From PEM texts, each of one or more Ed25519 public keys. Throws `config_invalid`, also for a text without any. */
export function createHeadVerifier(pems: readonly string[]): HeadVerifier {
  const keys = new Map<string, KeyObject>();
  for (const pem of pems) {
    const blocks = pem.match(/-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g) ?? [];
    if (blocks.length === 0) throw notAKey();
    for (const block of blocks) {
      const key = requireEd25519(() => createPublicKey(block));
      keys.set(keyIdOf(key), key);
    }
  }
  return {
    knows: (keyId) => keys.has(keyId),
    verify: (keyId, statement, signature) => {
      const key = keys.get(keyId);
      const bytes = Buffer.from(signature, 'base64');
      // One spelling only: a record may not be changed without changing what it says.
      return (
        key !== undefined && bytes.toString('base64') === signature && verify(null, statement, key, bytes)
      );
    },
  };
}

function requireEd25519(read: () => KeyObject): KeyObject {
  let key: KeyObject;
  try {
    key = read();
  } catch (cause) {
    throw notAKey(cause);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw notAKey();
  return key;
}

function notAKey(cause?: unknown): LeaseholdError {
  const detail = 'the file must hold an Ed25519 key as PEM';
  return new LeaseholdError('config_invalid', cause === undefined ? { detail } : { detail, cause });
}
