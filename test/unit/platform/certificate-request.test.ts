import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  makeCertificateRequest,
  parseCertificateRequest,
} from '../../../src/platform/certificate-request.ts';

const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const { publicKey, privateKey } = pair();
const good = makeCertificateRequest(privateKey);
const refused = (bytes: Uint8Array) =>
  expect(() => parseCertificateRequest(bytes)).toThrow(expect.objectContaining({ code: 'request_invalid' }));

/** What OpenSSL makes of `openssl req -new -newkey rsa:512`-like keys has another shape from its first bytes on. */
const selfSigned = (spki: Buffer, by: (info: Buffer) => Buffer): Buffer => {
  const sequence = (content: Buffer) =>
    Buffer.concat([Buffer.from([0x30, 0x82, content.length >> 8, content.length & 255]), content]);
  const info = sequence(Buffer.concat([Buffer.from('0201003000', 'hex'), spki, Buffer.from('a000', 'hex')]));
  const signature = by(info);
  const bits = Buffer.concat([
    Buffer.from([0x03, 0x82, (signature.length + 1) >> 8, (signature.length + 1) & 255, 0]),
    signature,
  ]);
  return sequence(Buffer.concat([info, Buffer.from('300d06092a864886f70d01010b0500', 'hex'), bits]));
};

describe('a certificate request', () => {
  it.each<[string, Uint8Array]>([
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.from([0x30])],
    ['PEM', Buffer.from('-----BEGIN CERTIFICATE REQUEST-----')],
    ['a request that is cut', good.subarray(0, -1)],
    ['a request with a byte after it', Buffer.concat([good, Buffer.from([0])])],
    ['a great deal', Buffer.alloc(1_000_000, 0x30)],
    ['a public key alone', publicKey.export({ type: 'spki', format: 'der' })],
  ])('is not %s', (_what, bytes) => refused(bytes));

  it('is not of a weak key, nor of another kind', () => {
    for (const bits of [512, 1024, 2048]) {
      const rsa = generateKeyPairSync('rsa', { modulusLength: bits });
      const spki = rsa.publicKey.export({ type: 'spki', format: 'der' });
      refused(selfSigned(spki, (info) => sign('sha256', info, rsa.privateKey)));
    }
    for (const namedCurve of ['P-384', 'secp256k1', 'P-192']) {
      const other = generateKeyPairSync('ec', { namedCurve });
      refused(makeCertificateRequest(other.privateKey));
    }
  });

  it('is not one with the key of somebody else in it', () => {
    const other = makeCertificateRequest(pair().privateKey);
    // Header, then the info with the key of the first, then the signature of the other.
    refused(
      Buffer.concat([
        Buffer.from([0x30, 0x81, other.length - 3]),
        good.subarray(3, 103),
        other.subarray(103),
      ]),
    );
  });

  it('is not one whose point is off the curve', () => {
    const bent = Buffer.from(good);
    bent[60] = (bent[60] ?? 0) ^ 1;
    refused(bent);
  });

  it('is none with any one bit changed', () => {
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(7), (at, bit) => {
        const changed = Buffer.from(good);
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        refused(changed);
      }),
      { numRuns: 400 },
    );
  });

  it('is none for random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        refused(bytes);
      }),
    );
  });

  it('is read as the key that made it', () => {
    for (let round = 0; round < 50; round += 1) {
      const { publicKey: key, privateKey: own } = pair();
      const parsed = parseCertificateRequest(makeCertificateRequest(own));
      expect(parsed.publicKey.equals(key)).toBe(true);
      const spki = key.export({ type: 'spki', format: 'der' });
      expect(parsed.key).toBe(createHash('sha256').update(spki).digest('hex'));
      expect(parsed.pem).toMatch(/^-----BEGIN CERTIFICATE REQUEST-----\n[A-Za-z0-9+/=\n]+\n-----END/);
    }
  });
});
