import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { LeaseholdError } from '../platform/error.ts';
import { JsonRefused, parseStrictJson } from './strict-json.ts';
import type { JsonObject } from './strict-json.ts';
import { signatureAlgorithms } from './token.ts';
import type { SignatureAlgorithm } from './token.ts';

/** A public key and the one algorithm it may verify. */
export interface VerificationKey {
  readonly algorithm: SignatureAlgorithm;
  readonly key: KeyObject;
}

export type VerificationKeys = ReadonlyMap<string, VerificationKey>;

/** A cluster has one to four keys; this leaves room and still bounds what a hostile reply can cost. */
export const maxJwksBytes = 256 * 1024;
const limits = { maxBytes: maxJwksBytes, maxDepth: 8 } as const;

const setSchema = z.object({ keys: z.array(z.record(z.string(), z.unknown())).max(64) });

const keySchema = z.object({
  kty: z.string(),
  kid: z.string().min(1).max(256),
  use: z.string().optional(),
  key_ops: z.array(z.string()).optional(),
  alg: z.string().optional(),
});

const text = z.string().min(1).max(2048);
const rsaSchema = z.object({ kty: z.literal('RSA'), n: text, e: text });
const ecSchema = z.object({ kty: z.literal('EC'), crv: z.enum(['P-256', 'P-384']), x: text, y: text });
const okpSchema = z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: text });
const publicKeySchema = z.discriminatedUnion('kty', [rsaSchema, ecSchema, okpSchema]);

/** RFC 7518 section 6: the members that only private and symmetric keys have. */
const secretMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/**
 * The signing keys of a JWK set by key id. Keys for other purposes or of kinds we do not use are passed over; a set that
 * holds a private or symmetric key, an unusable key or one id twice is refused whole, because whoever made it made a
 * mistake that should be seen. Throws `identity_unavailable`.
 */
export function parseJwks(bytes: Uint8Array): VerificationKeys {
  const set = setSchema.safeParse(readJson(bytes));
  if (!set.success) throw refused('not a JWK set');
  const keys = new Map<string, VerificationKey>();
  for (const jwk of set.data.keys) {
    if (jwk['kty'] === 'oct' || secretMembers.some((member) => member in jwk))
      throw refused('holds a private or symmetric key');
    const parsed = keySchema.safeParse(jwk);
    if (!parsed.success) throw refused('a key lacks kty or kid');
    const { kid, use, key_ops: operations, alg } = parsed.data;
    if ((use ?? 'sig') !== 'sig' || !(operations ?? ['verify']).includes('verify')) continue;
    const algorithm = algorithmOf(jwk, alg);
    if (algorithm === undefined) continue;
    if (keys.has(kid)) throw refused('one key id is used twice');
    keys.set(kid, { algorithm, key: importKey(jwk) });
  }
  if (keys.size === 0) throw refused('no key that can verify a token');
  return keys;
}

/** One algorithm for each key, so that a token cannot choose another one for it. */
function algorithmOf(jwk: JsonObject, declared: string | undefined): SignatureAlgorithm | undefined {
  const possible = possibleAlgorithms(jwk['kty'], jwk['crv']);
  return declared === undefined ? possible[0] : possible.find((algorithm) => algorithm === declared);
}

function possibleAlgorithms(kty: unknown, curve: unknown): readonly SignatureAlgorithm[] {
  if (kty === 'RSA') return signatureAlgorithms.filter((name) => name === 'RS256' || name === 'PS256');
  if (kty === 'EC' && curve === 'P-256') return ['ES256'];
  if (kty === 'EC' && curve === 'P-384') return ['ES384'];
  if (kty === 'OKP' && curve === 'Ed25519') return ['EdDSA'];
  return [];
}

/** Only the members that make up the public key go on; `x5c`, `x5u` and the rest stay behind. */
function importKey(jwk: JsonObject): KeyObject {
  const members = publicKeySchema.safeParse(jwk);
  if (!members.success) throw refused('a key lacks its public members');
  let key: KeyObject;
  try {
    key = createPublicKey({ format: 'jwk', key: members.data });
  } catch {
    // OpenSSL's reason would name no field; the message of Node may quote the value.
    throw refused('a key cannot be read');
  }
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && (bits < 2048 || bits > 8192))
    throw refused('an RSA key is not 2048 to 8192 bits');
  return key;
}

function readJson(bytes: Uint8Array): JsonObject {
  try {
    return parseStrictJson(bytes, limits);
  } catch (error) {
    throw refused(error instanceof JsonRefused ? error.message : 'unreadable');
  }
}

function refused(reason: string): LeaseholdError {
  return new LeaseholdError('identity_unavailable', { detail: `JWK set refused: ${reason}` });
}
