import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import { expect, it } from 'vitest';
import { verifyServerChain } from '../../../src/platform/server-chain.ts';
import { createTestCa, type KeyAndCertificate } from '../../support/certificates.ts';
import { chainOf } from '../../support/signed-matchers.ts';
import { oddCertificates } from './odd-certificates.ts';

/** Whether a client of Node goes on with a server that has this chain. */
async function tlsTakes(pair: KeyAndCertificate, ca: string, name: string): Promise<boolean> {
  const server = createServer({ cert: pair.certificate, key: pair.key }).listen(0, '127.0.0.1');
  server.on('tlsClientError', () => undefined);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect({
    host: '127.0.0.1',
    port,
    ca,
    minVersion: 'TLSv1.3',
    servername: name,
    rejectUnauthorized: true,
  });
  const took = await new Promise<boolean>((resolve) => {
    socket.once('secureConnect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  socket.destroy();
  server.close();
  return took;
}

function chainTakes(pair: KeyAndCertificate, ca: string, name: string): boolean {
  try {
    verifyServerChain(chainOf(pair.certificate), { ca: Buffer.from(ca), names: [name] }, Date.now());
    return true;
  } catch {
    return false;
  }
}

const ca = createTestCa();
const other = createTestCa();
const between = ca.issueAuthority();
const below = between.issueAuthority();
const lapsed = { notBefore: new Date(Date.now() - 7_200_000), notAfter: new Date(Date.now() - 3_600_000) };
const early = { notBefore: new Date(Date.now() + 3_600_000), notAfter: new Date(Date.now() + 7_200_000) };
const old = ca.issueAuthority(lapsed);
const notYet = ca.issueAuthority(early);
const withChain = (pair: KeyAndCertificate, ...more: readonly KeyAndCertificate[]): KeyAndCertificate => ({
  ...pair,
  certificate: [pair, ...more].map(({ certificate }) => certificate).join(''),
});
const server = ca.issueServer();
const over = createTestCa(lapsed);
const lone = createTestCa({ commonName: 'localhost' });

/** Chain, file of the CA, name; without those two, what a broker of this CA is dialled with. */
type Case = readonly [string, boolean, KeyAndCertificate, string?, string?];

const cases: readonly Case[] = [
  ['of the CA', true, server],
  ['of the CA, which is sent too', true, withChain(server, ca)],
  ['of the second CA of the file', true, server, other.certificate + ca.certificate],
  ['of another CA', false, server, other.certificate],
  ['of another CA, which it sends along', false, withChain(other.issueServer(), other)],
  ['with no CA in the file', false, server, lapsed.notAfter.toISOString()],
  ['of another name', false, ca.issueServer({ names: ['other'] })],
  ['of a wider name', true, ca.issueServer({ names: ['*.example.org'] }), ca.certificate, 'a.example.org'],
  ['of a name that is wider than it may', false, ca.issueServer({ names: ['*'] })],
  ['with its name as the common name alone', false, ca.issueClient({ commonName: 'localhost' })],
  ['of a client', false, ca.issueClient({ commonName: 'localhost', uri: 'spiffe://a/b' })],
  ['that has lapsed', false, ca.issueServer(lapsed)],
  ['that is not valid yet', false, ca.issueServer(early)],
  ['of an authority between', true, withChain(between.issueServer(), between)],
  ['of two between, in disorder', true, withChain(below.issueServer(), between, below)],
  ['of two between, one missing', false, withChain(below.issueServer(), below)],
  ['of one between that is missing', false, between.issueServer()],
  ['of one between that is in the file', true, between.issueServer(), between.certificate + ca.certificate],
  ['of one between, which alone is in the file', false, between.issueServer(), between.certificate],
  ['of one between that has lapsed', false, withChain(old.issueServer(), old)],
  ['of one between that is not valid yet', false, withChain(notYet.issueServer(), notYet)],
  ['of one between and a stranger beside it', true, withChain(between.issueServer(), other, between)],
  ['of a CA that has lapsed', false, over.issueServer(), over.certificate],
  ['that signs itself', false, lone],
];

it.each(cases.map(([what, isTaken, pair, file, name]) => ({ what, isTaken, pair, file, name })))(
  'a server $what: $isTaken, as TLS has it',
  async ({ isTaken, pair, file = ca.certificate, name = 'localhost' }) => {
    expect([chainTakes(pair, file, name), await tlsTakes(pair, file, name)]).toEqual([isTaken, isTaken]);
  },
);

it('a server whose chain only looks like one is not taken', () => {
  const { root, none, below, old, ofOld, weak, small } = oddCertificates;
  const takes = (certificate: string, file: string) =>
    chainTakes({ certificate, key: '' }, file, 'localhost');
  expect(takes(none, root)).toBe(true);
  expect(takes(below + none, root)).toBe(false);
  expect(takes(weak, root)).toBe(false);
  expect(takes(small, root)).toBe(false);
  expect(takes(ofOld, old)).toBe(true);
  expect(takes(ofOld + old, root)).toBe(false);
  // As it was certified, but for the last byte of its authority's signature; everything else says that it is of that one.
  const forge = (pem: string) => {
    const der = Buffer.from(chainOf(pem)[0] ?? '');
    der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1);
    return `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
  };
  const pair = between.issueServer();
  expect(takes(pair.certificate + between.certificate, ca.certificate)).toBe(true);
  expect(takes(forge(pair.certificate) + between.certificate, ca.certificate)).toBe(false);
  expect(takes(pair.certificate + forge(between.certificate), ca.certificate)).toBe(false);
  expect(takes(forge(server.certificate), ca.certificate)).toBe(false);
});
