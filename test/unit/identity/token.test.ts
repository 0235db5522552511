import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseToken } from '../../../src/identity/token.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { expectRefusal } from './refusal.ts';
import { base64url, claimsAt, signedToken, signingKey, trust } from './tokens.ts';

const key = signingKey('k1');
const good = { alg: 'ES256', kid: 'k1' };
const token = (
  header: Record<string, unknown> | string,
  payload: Record<string, unknown> | string = claimsAt(0),
) => signedToken(key, payload, header);

describe('parseToken', () => {
  it.each([
    ['alg none', { alg: 'none', kid: 'k1' }],
    ['alg None', { alg: 'None', kid: 'k1' }],
    ['alg HS256', { alg: 'HS256', kid: 'k1' }],
    ['alg of another case', { alg: 'es256', kid: 'k1' }],
    ['alg as a list', { alg: ['ES256'], kid: 'k1' }],
    ['no alg', { kid: 'k1' }],
    ['no kid', { alg: 'ES256' }],
    ['an empty kid', { alg: 'ES256', kid: '' }],
    ['a long kid', { alg: 'ES256', kid: 'k'.repeat(257) }],
    ['a kid that is a path with a line end', { alg: 'ES256', kid: '../k1\n' }],
    ['a number as kid', { alg: 'ES256', kid: 1 }],
    ['crit', { ...good, crit: ['exp'] }],
    ['an embedded key', { ...good, jwk: key.publicJwk }],
    ['a key address', { ...good, jku: 'https://evil.example/jwks' }],
    ['a certificate address', { ...good, x5u: 'https://evil.example/x5u' }],
    ['a certificate chain', { ...good, x5c: ['MIIB'] }],
    ['unencoded payload', { ...good, b64: false }],
    ['compression', { ...good, zip: 'DEF' }],
    ['another typ', { ...good, typ: 'at+jwt' }],
    ['a look-alike header name', { ...good, Alg: 'none' }],
  ])('refuses %s', async (_what, header) => {
    await expectRefusal(() => parseToken(token(header)), 'credential_malformed', /^header/);
  });

  it('refuses a header or payload that two parsers could read in two ways', async () => {
    for (const header of [
      '{"alg":"ES256","kid":"k1","alg":"none"}',
      String.raw`{"alg":"ES256","kid":"k1","k\u0069d":"k2"}`,
    ])
      await expectRefusal(() => parseToken(token(header)), 'credential_malformed', /used twice/);
    await expectRefusal(
      () => parseToken(token(good, '{"iss":"a","kubernetes.io":{"pod":{"uid":"1","uid":"2"}}}')),
      'credential_malformed',
      /used twice/,
    );
    await expectRefusal(
      () => parseToken(token(good, '{"iss":"a","__proto__":{}}')),
      'credential_malformed',
      /forbidden/,
    );
    await expectRefusal(
      () => parseToken(token(good, `{"iss":${'['.repeat(20)}${']'.repeat(20)}}`)),
      'credential_malformed',
      /too deep/,
    );
  });

  it('refuses an issuer that is missing or not text', async () => {
    for (const iss of [undefined, '', 7, ['a'], 'x'.repeat(1025)])
      await expectRefusal(() => parseToken(token(good, { iss })), 'credential_malformed', /iss/);
  });

  it('refuses other shapes than three canonical base64url segments', async () => {
    const [header = '', payload = '', signature = ''] = token(good).toString().split('.');
    // The last character of a 64 byte signature carries four spare bits; another spelling decodes to the same bytes.
    const twin =
      signature.slice(0, -1) +
      (signature.endsWith('A') ? 'B' : String.fromCharCode(signature.charCodeAt(signature.length - 1) + 1));
    for (const text of [
      header,
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `.${payload}.${signature}`,
      `${header}.${payload}.${signature}.`,
      `${header}.${payload}.${signature}.${signature}.${signature}`,
      `${header}=.${payload}.${signature}`,
      `${header}.${payload}.${signature}==`,
      `${header}.${payload}.${signature}\n`,
      ` ${header}.${payload}.${signature}`,
      `${header}.${payload}.${twin}`,
      `${base64url('{"alg":"ES256","kid":"k>1"}').replace('-', '+')}x.${payload}.${signature}`,
      `Bearer ${header}.${payload}.${signature}`,
      JSON.stringify({ protected: header, payload, signature }),
    ])
      await expectRefusal(() => parseToken(Buffer.from(text)), 'credential_malformed');
    await expectRefusal(() => parseToken(Buffer.from(`${header}.${payload}.\u0101`)), 'credential_malformed');
  });

  it('refuses nothing at all as missing and 8 KiB and a byte as too long, before reading it', async () => {
    await expectRefusal(() => parseToken(Buffer.alloc(0)), 'credential_missing');
    await expectRefusal(() => parseToken(Buffer.alloc(8 * 1024 + 1, 'a')), 'credential_malformed', /8 KiB/);
    await expectRefusal(() => parseToken(Buffer.alloc(1024 * 1024, 'a')), 'credential_malformed', /8 KiB/);
  });

  it('says nothing of what it refused', async () => {
    const error = await expectRefusal(
      () => parseToken(token({ alg: 'canary-alg', kid: 'canary-kid', crit: ['canary-crit'] })),
      'credential_malformed',
    );
    expect(`${error.message} ${error.detail ?? ''} ${String(error.cause)}`).not.toContain('canary');
  });

  it('accepts what an API server makes, with and without typ', () => {
    for (const header of [good, { ...good, typ: 'JWT' }]) {
      const bytes = token(header);
      expect(parseToken(bytes)).toEqual({
        algorithm: 'ES256',
        keyId: 'k1',
        claimedIssuer: trust.issuer,
        compact: bytes,
      });
    }
  });

  it('answers any bytes, and any change of a good token, with a token or a refusal', () => {
    const base = token(good);
    const changed = fc
      .array(fc.tuple(fc.nat(base.length - 1), fc.integer({ min: 0, max: 255 })), {
        minLength: 1,
        maxLength: 4,
      })
      .map((edits) => {
        const copy = Buffer.from(base);
        for (const [at, byte] of edits) copy[at] = byte;
        return copy;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), changed), (bytes) => {
        try {
          parseToken(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(LeaseholdError);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
