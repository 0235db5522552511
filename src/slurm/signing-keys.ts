import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, CompactSign, type JWK } from 'jose';
import { LeaseholdError } from '../platform/error.ts';
import { readSmallFile } from '../platform/small-file.ts';

interface SigningKey {
  readonly kid: string;
  readonly algorithm: 'EdDSA' | 'ES256';
  readonly key: KeyObject;
  readonly published: JWK;
}

export interface SigningKeys {
  /** Public halves, as the broker reads them. */
  readonly published: readonly JWK[];
  sign(claims: object): Promise<string>;
}

/** The first file signs; the others are published alone. Throws `config_invalid` with the file and the rule. */
export async function readSigningKeys(files: readonly string[]): Promise<SigningKeys> {
  const keys = await Promise.all(files.map(readKey));
  const [current] = keys;
  if (current === undefined) throw new LeaseholdError('config_invalid', { detail: 'keys: there is none' });
  return {
    published: keys.map(({ published }) => published),
    sign: (claims) =>
      new CompactSign(Buffer.from(JSON.stringify(claims)))
        .setProtectedHeader({ alg: current.algorithm, kid: current.kid, typ: 'slurm-run+jwt' })
        .sign(current.key),
  };
}

async function readKey(file: string): Promise<SigningKey> {
  const refuse = (rule: string) => new LeaseholdError('config_invalid', { detail: `${file}: ${rule}` });
  const pem = await readSmallFile(file, { maxBytes: 16_384 });
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The library's message may quote the file.
    throw refuse('is no private key in PEM');
  } finally {
    pem.fill(0);
  }
  const algorithm = algorithmOf(key);
  if (algorithm === undefined) throw refuse('must be Ed25519 or P-256');
  const jwk = await exportJWK(createPublicKey(key));
  const kid = await calculateJwkThumbprint(jwk);
  return { kid, algorithm, key, published: { ...jwk, kid, alg: algorithm, use: 'sig' } };
}

function algorithmOf(key: KeyObject): SigningKey['algorithm'] | undefined {
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA';
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1'
    ? 'ES256'
    : undefined;
}
