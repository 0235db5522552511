import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJwks } from '../../../src/identity/jwks.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { expectRefusal } from './refusal.ts';
import { jwksOf, signingKey } from './tokens.ts';

const rsa = signingKey('rsa', 'RS256');
const ec = signingKey('ec');
const parse = (...keys: unknown[]) => parseJwks(Buffer.from(JSON.stringify({ keys })));

describe('parseJwks', () => {
  const privateJwk = ec.privateKey.export({ format: 'jwk' });
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
  it.each([
    ['a symmetric key', [{ kty: 'oct', k: 'c2VjcmV0', kid: 's', alg: 'HS256' }], /private or symmetric/],
    ['a private key', [{ ...privateJwk, kid: 'p' }], /private or symmetric/],
    [
      'a private key among others',
      [rsa.publicJwk, { ...privateJwk, kid: 'p', use: 'enc' }],
      /private or symmetric/,
    ],
    ['one id twice', [rsa.publicJwk, { ...ec.publicJwk, kid: 'rsa' }], /used twice/],
    ['a key without id', [{ ...ec.publicJwk, kid: undefined }], /kty or kid/],
    ['an RSA key of 1024 bits', [{ ...small, kid: 's' }], /2048/],
    ['a point that is not on the curve', [{ ...ec.publicJwk, x: 'AAAA' }], /cannot be read/],
    ['an RSA key without modulus', [{ ...rsa.publicJwk, n: undefined }], /public members/],
    ['no key', [], /no key/],
    ['only keys for encryption', [{ ...rsa.publicJwk, use: 'enc' }], /no key/],
    ['only a curve that we do not use', [{ kty: 'OKP', crv: 'X25519', x: 'AAAA', kid: 'x' }], /no key/],
    ['an alg that the key cannot have', [{ ...ec.publicJwk, alg: 'RS256' }], /no key/],
    ['a symmetric alg on a public key', [{ ...rsa.publicJwk, alg: 'HS256' }], /no key/],
    ['too many keys', Array.from({ length: 65 }, () => rsa.publicJwk), /not a JWK set/],
  ] as const)('refuses a set with %s', async (_what, keys, detail) => {
    await expectRefusal(() => parse(...keys), 'identity_unavailable', detail);
  });

  it('refuses what is not a set, holds a key twice, or is too large', async () => {
    for (const text of ['', '[]', '{}', '{"keys":{}}', '{"keys":[1]}', '<html>', '{"keys":[],"keys":[]}'])
      await expectRefusal(() => parseJwks(Buffer.from(text)), 'identity_unavailable');
    await expectRefusal(
      () => parseJwks(Buffer.alloc(256 * 1024 + 1, ' ')),
      'identity_unavailable',
      /too long/,
    );
  });

  it('keeps one algorithm for each key and leaves other kinds out', () => {
    const okp = signingKey('okp', 'EdDSA');
    const keys = parse(
      { ...rsa.publicJwk, alg: undefined },
      { ...rsa.publicJwk, kid: 'pss', alg: 'PS256' },
      { ...ec.publicJwk, use: undefined, alg: undefined, key_ops: ['verify'] },
      signingKey('big', 'ES384').publicJwk,
      okp.publicJwk,
      { ...ec.publicJwk, kid: 'enc', use: 'enc' },
      { ...ec.publicJwk, kid: 'wrap', key_ops: ['wrapKey'] },
    );
    expect([...keys].map(([kid, { algorithm }]) => `${kid} ${algorithm}`)).toEqual([
      'rsa RS256',
      'pss PS256',
      'ec ES256',
      'big ES384',
      'okp EdDSA',
    ]);
    expect([...keys.values()].every(({ key }) => key.type === 'public')).toBe(true);
  });

  it('answers any change of a good set with keys or a refusal', () => {
    const base = jwksOf(rsa, ec);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(base.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
        (edits) => {
          const copy = Buffer.from(base);
          for (const [at, byte] of edits) copy[at] = byte;
          try {
            parseJwks(copy);
          } catch (error) {
            expect(error).toBeInstanceOf(LeaseholdError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
