import { createPrivateKey, generateKeyPairSync, type KeyObject, sign as rawSign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LeaseholdError } from '../../../../src/platform/error.ts';
import { signMatchers } from '../../../../src/platform/matcher-signature.ts';
import {
  brokerNames,
  decodeSigned,
  encodeSigned,
  openMatchers,
  type SignedMatchers,
} from '../../../../src/rpc/client/signed-matchers.ts';
import { loadRunApi } from '../../../../src/rpc/proto.ts';
import { createTestCa } from '../../../support/certificates.ts';
import { chainOf, createAgelessCa, signedMatchers } from '../../../support/signed-matchers.ts';

const ca = createAgelessCa();
const issuedAt = Date.UTC(2026, 4, 1);
const hour = 3_600_000;
const day = 24 * hour;
const valid = { notBefore: new Date(issuedAt - day), notAfter: new Date(issuedAt + day) };
const none = { users: [], groups: [], partitions: [], accounts: [], qos: [], nodes: [] };
const matchers = [{ ...none, grant: 'gpu', partitions: ['gpu'] }];
const expected = { issuedAt, matchers: [{ ...none, partitions: ['gpu'] }] };
const trust: Parameters<typeof openMatchers>[1] = {
  ca: Buffer.from(ca.certificate),
  names: ['localhost'],
  cluster: 'hpc',
};
const signed = (changes: Partial<Parameters<typeof signedMatchers>[0]> = {}): SignedMatchers =>
  signedMatchers({ ca, cluster: 'hpc', issuedAt, matchers, ...changes });
/** Rule that refuses it, or what was opened. */
const outcome = (of: SignedMatchers, by = trust): unknown => {
  try {
    return openMatchers(of, by);
  } catch (error) {
    if (!(error instanceof LeaseholdError)) throw error;
    expect(error.code).toMatch(/^(credential_|internal$)/);
    return error.detail;
  }
};
interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const rules = {
  chain: 'there is no chain of certificates',
  unreadable: 'a certificate cannot be read',
  name: "the certificate does not carry the broker's name",
  server: 'the certificate is not one for servers',
  date: 'the certificate was not valid at that time',
  root: 'the certificate does not lead to the CA that is trusted',
  signature: 'the signature is not that of the certificate',
  cluster: 'it is about another cluster',
};
const pemOf = (privateKey: KeyObject) => privateKey.export({ type: 'pkcs8', format: 'pem' });

describe('matchers of a broker', () => {
  it('are not believed of anybody but a broker of that name, by the CA that is trusted, at their date', () => {
    const sound = signed();
    const other = createAgelessCa();
    const [leaf = Buffer.alloc(0)] = sound.certificates;
    const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const framed = (words: string) => Buffer.concat([Buffer.from(`${' '.repeat(64)}${words}\0`), sound.set]);
    const refused: Readonly<Record<string, readonly [SignedMatchers, string, typeof trust?]>> = {
      'no certificate': [{ ...sound, certificates: [] }, rules.chain],
      'what is no certificate': [{ ...sound, certificates: [Buffer.from('x')] }, rules.unreadable],
      'a chain without end': [
        { ...sound, certificates: Array.from({ length: 17 }, () => leaf) },
        rules.chain,
      ],
      'no signature': [{ ...sound, signature: new Uint8Array(0) }, rules.signature],
      'the signature of another set': [
        { ...sound, signature: signed({ issuedAt: issuedAt + 1 }).signature },
        rules.signature,
      ],
      "a key that is not the certificate's": [
        signed({ pair: { certificate: ca.issueServer(valid).certificate, key: pemOf(own.privateKey) } }),
        rules.signature,
      ],
      "another CA's certificate": [signed({ ca: other }), rules.root],
      'a CA of the same name and another key': [
        signed({ ca: createTestCa({ ...valid, commonName: 'one' }) }),
        rules.root,
        { ...trust, ca: Buffer.from(createTestCa({ ...valid, commonName: 'one' }).certificate) },
      ],
      'a certificate that signs itself': [
        signed({ pair: createTestCa({ ...valid, commonName: 'localhost' }) }),
        rules.root,
      ],
      'another name': [signed({ pair: ca.issueServer({ ...valid, names: ['other'] }) }), rules.name],
      'another address': [sound, rules.name, { ...trust, names: ['127.0.0.2'] }],
      "a signer's or node's certificate, with the name": [
        signed({ pair: ca.issueClient({ ...valid, commonName: 'localhost' }) }),
        rules.server,
      ],
      'a certificate that had lapsed then': [
        signed({ pair: ca.issueServer({ ...valid, notAfter: new Date(issuedAt - 1_000) }) }),
        rules.date,
      ],
      'a certificate that was not valid yet then': [
        signed({ pair: ca.issueServer({ ...valid, notBefore: new Date(issuedAt + 1_000) }) }),
        rules.date,
      ],
      'another cluster': [signed({ cluster: 'hpc2' }), rules.cluster],
      'no cluster': [signed({ cluster: '' }), rules.cluster],
      'a handshake, or anything else that the key signs': [
        {
          ...sound,
          signature: rawSign('sha256', framed('TLS 1.3, server CertificateVerify'), own.privateKey),
          certificates: chainOf(ca.certifyServer(own.publicKey, valid)),
        },
        rules.signature,
      ],
    };
    for (const [what, [of, rule, by]] of Object.entries(refused))
      expect([what, outcome(of, by)]).toEqual([what, rule]);
    expect(outcome(sound)).toEqual(expected);
  });

  it('are believed of every kind of key that TLS may have, each with its one algorithm', () => {
    const pairs: Readonly<Record<string, KeyPair>> = {
      'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
      'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
      'P-521': generateKeyPairSync('ec', { namedCurve: 'P-521' }),
      Ed25519: generateKeyPairSync('ed25519'),
      Ed448: generateKeyPairSync('ed448'),
      RSA: generateKeyPairSync('rsa', { modulusLength: 2_048 }),
    };
    for (const [kind, { publicKey, privateKey }] of Object.entries(pairs)) {
      const pair = { certificate: ca.certifyServer(publicKey, valid), key: pemOf(privateKey) };
      expect([kind, outcome(signed({ pair }))]).toEqual([kind, expected]);
    }
    // To the letter, as whoever signs in another program has it.
    const { set } = signed();
    const bytes = Buffer.concat([Buffer.from(`${' '.repeat(64)}leasehold matchers v1\0`), set]);
    const signedBy = (digest: string | null, { publicKey, privateKey }: KeyPair) => ({
      set,
      signature: rawSign(digest, bytes, privateKey),
      certificates: chainOf(ca.certifyServer(publicKey, valid)),
    });
    expect(outcome(signedBy(null, pairs['Ed25519'] ?? expect.unreachable()))).toEqual(expected);
    // Of these keys, but by another algorithm.
    for (const digest of ['sha256', 'sha1'])
      expect(outcome(signedBy(digest, pairs['RSA'] ?? expect.unreachable()))).toBe(rules.signature);
    expect(outcome(signedBy('sha256', pairs['P-384'] ?? expect.unreachable()))).toBe(rules.signature);
  });

  it('are believed through an authority between, which is sent along or is in the file, and was valid then', () => {
    const between = ca.issueAuthority(valid);
    const pair = between.issueServer(valid);
    expect(outcome(signed({ pair }))).toBe(rules.root);
    const whole = { ...pair, certificate: pair.certificate + between.certificate };
    expect(outcome(signed({ pair: whole }))).toEqual(expected);
    const file = Buffer.from(between.certificate + ca.certificate);
    expect(outcome(signed({ pair }), { ...trust, ca: file })).toEqual(expected);
    // TLS of Node takes no authority for a root because it is in the file.
    expect(outcome(signed({ pair }), { ...trust, ca: Buffer.from(between.certificate) })).toBe(rules.root);
    const lapsed = ca.issueAuthority({ ...valid, notAfter: new Date(issuedAt - 1_000) });
    const of = lapsed.issueServer(valid);
    expect(outcome(signed({ pair: { ...of, certificate: of.certificate + lapsed.certificate } }))).toBe(
      rules.root,
    );
    // A server is no authority, whatever its key signs.
    const server = ca.issueServer(valid);
    expect(outcome(signed({ pair: { ...pair, certificate: pair.certificate + server.certificate } }))).toBe(
      rules.root,
    );
  });

  it('are dated by the broker, and believed after its certificate has lapsed', () => {
    const pair = ca.issueServer({
      notBefore: new Date(issuedAt - 60_000),
      notAfter: new Date(issuedAt + 60_000),
    });
    expect(outcome(signed({ pair }))).toEqual(expected);
  });

  it('go by the names that a broker is dialled by', () => {
    expect(brokerNames(['a:1', '[::1]:2', '10.0.0.1:3'], undefined)).toEqual(['a', '::1', '10.0.0.1']);
    expect(brokerNames(['a:1'], 'b')).toEqual(['b']);
    const addresses = { ...trust, names: brokerNames(['a:1', '127.0.0.1:3'], undefined) };
    expect(outcome(signed(), addresses)).toEqual(expected);
  });
});

describe('the file that they are kept in', () => {
  const text = encodeSigned(signed());
  const read = (of: string) => outcome(decodeSignedOr(of));
  /** What cannot be decoded is the same to whoever reads it. */
  const decodeSignedOr = (of: string): SignedMatchers => {
    try {
      return decodeSigned(of);
    } catch (error) {
      expect(LeaseholdError.from(error).code).toBe('credential_malformed');
      return { set: new Uint8Array(0), signature: new Uint8Array(0), certificates: [] };
    }
  };

  it('is read as it was written', () => {
    expect(read(text)).toEqual(expected);
    fc.assert(
      fc.property(
        fc.uint8Array(),
        fc.uint8Array(),
        fc.array(fc.uint8Array()),
        (set, signature, certificates) => {
          const found = decodeSigned(encodeSigned({ set, signature, certificates }));
          expect([found.set, found.signature, ...found.certificates].map((one) => [...one])).toEqual(
            [set, signature, ...certificates].map((one) => [...one]),
          );
        },
      ),
    );
  });

  it('tells nothing when it is cut, altered, unsigned or of an earlier version', () => {
    // Without the line's end it is whole.
    for (let length = 0; length < text.length - 1; length += 1)
      if (typeof read(text.slice(0, length)) !== 'string') expect.unreachable(String(length));
    fc.assert(
      fc.property(fc.nat(text.length - 2), fc.integer({ min: 1, max: 127 }), (at, change) => {
        const altered =
          text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ change) + text.slice(at + 1);
        // White space outside of a text says nothing else.
        const found = read(altered);
        if (typeof found !== 'string') expect(found).toEqual(expected);
      }),
      { numRuns: 500 },
    );
    for (const other of [
      '',
      '{}\n',
      'null',
      '[]',
      JSON.stringify({ received: issuedAt, policyRevision: 'r', matchers }),
      JSON.stringify({ version: 1, received: issuedAt, matchers: expected.matchers }),
      text.replace('"version":2', '"version":3'),
      JSON.stringify({ version: 2, set: '', signature: '', certificates: [1] }),
      JSON.stringify({ version: 2, set: 'AA', signature: '', certificates: [] }),
    ])
      expect(() => decodeSigned(other)).toThrow(LeaseholdError);
  });

  it('never takes the reader down, whatever bytes were signed', () => {
    const { set } = signed();
    const pair = ca.issueServer({ notBefore: new Date(0), notAfter: new Date(Date.UTC(2049, 0, 1)) });
    const certificates = chainOf(pair.certificate);
    const key = createPrivateKey(pair.key);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(set.length), (bytes, at) => {
        const torn = Buffer.concat([set.subarray(0, at), bytes]);
        const found = outcome({
          set: torn,
          certificates,
          signature: signMatchers(torn, key) ?? new Uint8Array(0),
        });
        if (typeof found !== 'string')
          expect(found).toMatchObject({ matchers: expect.any(Array) as unknown });
      }),
    );
  });

  it('is what the definition of the interface writes, and what a later one adds is passed over', () => {
    const { serialize } = loadRunApi().leasehold.v1.RunMatcherSet;
    const set = serialize({ cluster: 'hpc', policyRevision: 'r', issuedAtMs: issuedAt, matchers });
    expect(Buffer.from(signed().set).equals(set)).toBe(true);
  });
});
