import { z } from 'zod';
import { LeaseholdError } from '../platform/error.ts';
import { JsonRefused, parseStrictJson } from './strict-json.ts';

/** A projected service-account token is about 1.2 KiB; nothing larger is worth a look. */
export const maxTokenBytes = 8 * 1024;

/** What one kind of token may look like. */
export interface TokenRules {
  readonly maxBytes: number;
  readonly maxDepth: number;
  readonly header: z.ZodType<{ readonly alg: SignatureAlgorithm; readonly kid: string }>;
}

/** Asymmetric only: with `none` or HS256 anybody who has the public key signs. */
export const signatureAlgorithms = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'] as const;

export type SignatureAlgorithm = (typeof signatureAlgorithms)[number];

/** A token that is well formed; nothing in it is proved yet. */
export interface ParsedToken {
  readonly algorithm: SignatureAlgorithm;
  readonly keyId: string;
  /** Says whose keys to try. Believed only once one of those keys has verified the signature. */
  readonly claimedIssuer: string;
  /** The three segments as they came; the signature is checked over these very bytes. */
  readonly compact: Uint8Array;
}

/** The depth of a service-account token's payload is three. */
export const payloadLimits = { maxBytes: maxTokenBytes, maxDepth: 6 } as const;

const headerLimits = { maxBytes: 1024, maxDepth: 1 } as const;

/**
 * Exactly these fields, so that `crit`, `jwk`, `jku`, `x5u`, `x5c`, `b64` and `zip` (keys brought along, addresses to
 * fetch, other ways to read the payload) are refused by not being there. `typ` (RFC 8725 section 3.11) keeps a token of one kind from
 * passing for another. To be made once for each kind: making a schema costs more than a token's whole check.
 */
export const headerRule = (
  algorithms: readonly SignatureAlgorithm[],
  typ: z.ZodType<string | undefined>,
): TokenRules['header'] =>
  z.strictObject({
    alg: z.enum(algorithms),
    kid: z
      .string()
      .min(1)
      .max(256)
      .regex(/^[\x21-\x7e]+$/),
    typ,
  });

const serviceAccountRules: TokenRules = {
  ...payloadLimits,
  header: headerRule(signatureAlgorithms, z.literal('JWT').optional()),
};

const routingSchema = z.object({ iss: z.string().min(1).max(1024) });

/**
 * All that can be refused without a key, before a signature, a file or the network costs anything.
 * Throws `credential_missing` or `credential_malformed`.
 */
export function parseToken(credential: Uint8Array, rules: TokenRules = serviceAccountRules): ParsedToken {
  if (credential.byteLength === 0) throw new LeaseholdError('credential_missing');
  if (credential.byteLength > rules.maxBytes) throw malformed(`longer than ${rules.maxBytes / 1024} KiB`);
  const [header, payload, signature, more] = splitSegments(credential);
  if (header === undefined || payload === undefined || signature === undefined || more !== undefined)
    throw malformed('not three segments');
  const headerResult = rules.header.safeParse(json('header', decodeSegment(header), headerLimits));
  // Which field broke which rule is ours to say; zod's messages quote what they met.
  if (!headerResult.success) throw malformed(`header ${headerResult.error.issues[0]?.code ?? 'invalid'}`);
  const claims = routingSchema.safeParse(json('payload', decodeSegment(payload), rules));
  if (!claims.success) throw malformed('iss is not a usable string');
  decodeSegment(signature);
  return {
    algorithm: headerResult.data.alg,
    keyId: headerResult.data.kid,
    claimedIssuer: claims.data.iss,
    compact: credential,
  };
}

function splitSegments(credential: Uint8Array): string[] {
  // latin1 maps each byte to one character, so a stray UTF-8 byte meets the alphabet check below.
  return Buffer.from(credential.buffer, credential.byteOffset, credential.byteLength)
    .toString('latin1')
    .split('.', 4);
}

/** Canonical base64url: Buffer alone ignores foreign characters and padding bits, and one token would have many spellings. */
function decodeSegment(segment: string): Buffer {
  const bytes = Buffer.from(segment, 'base64url');
  if (segment === '' || bytes.toString('base64url') !== segment) throw malformed('not base64url');
  return bytes;
}

function json(part: string, bytes: Uint8Array, limits: { maxBytes: number; maxDepth: number }) {
  try {
    return parseStrictJson(bytes, limits);
  } catch (error) {
    throw malformed(`${part} ${error instanceof JsonRefused ? error.message : 'unreadable'}`);
  }
}

function malformed(detail: string): LeaseholdError {
  return new LeaseholdError('credential_malformed', { detail });
}
