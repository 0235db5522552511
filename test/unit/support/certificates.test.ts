import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { KeyAndCertificate } from '../../support/certificates.ts';
import { createTestCa } from '../../support/certificates.ts';

/** One mutual handshake; resolves with the names the server read from the client, rejects as the client's side does. */
const handshake = async (options: {
  readonly serverCa: string;
  readonly clientCa: string;
  readonly server: KeyAndCertificate;
  readonly client: KeyAndCertificate;
}): Promise<string> => {
  const { serverCa, clientCa, server, client } = options;
  const listener = createServer(
    { cert: server.certificate, key: server.key, ca: clientCa, requestCert: true, minVersion: 'TLSv1.3' },
    (socket) => {
      const peer = socket.getPeerX509Certificate();
      socket.end(`${peer?.subject ?? ''} ${peer?.subjectAltName ?? ''}`);
    },
  );
  listener.on('tlsClientError', () => undefined);
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  // The address of a TCP listener is always this object.
  const { port } = listener.address() as AddressInfo;
  const socket = connect({
    port,
    host: '127.0.0.1',
    ca: serverCa,
    cert: client.certificate,
    key: client.key,
  });
  try {
    return await new Promise<string>((resolve, reject) => {
      socket.once('data', (data: Buffer) => resolve(data.toString('utf8')));
      socket.once('error', reject);
      // TLS 1.3: the client has finished its side before the server turns it away.
      socket.once('close', () => reject(new Error('closed without an answer')));
    });
  } finally {
    socket.destroy();
    listener.close();
  }
};

describe('test certificates', () => {
  const ca = createTestCa();
  const client = ca.issueClient({
    commonName: 'alice',
    organization: 'admins',
    uri: 'spiffe://example/alice',
  });

  it('make a mutual TLS handshake with the names asked for', async () => {
    const names = await handshake({
      serverCa: ca.certificate,
      clientCa: ca.certificate,
      server: ca.issueServer(),
      client,
    });
    expect(names).toContain('CN=alice');
    expect(names).toContain('O=admins');
    expect(names).toContain('URI:spiffe://example/alice');
  });

  it.each([
    { what: 'another authority', server: createTestCa().issueServer() },
    { what: 'another name', server: ca.issueServer({ names: ['elsewhere.example'] }) },
    { what: 'an expired certificate', server: ca.issueServer({ notAfter: new Date(Date.now() - 1000) }) },
    { what: 'a client certificate', server: ca.issueClient({ commonName: '127.0.0.1' }) },
  ])('are refused by a client when the server has $what', async ({ server }) => {
    const attempt = handshake({ serverCa: ca.certificate, clientCa: ca.certificate, server, client });
    await expect(attempt).rejects.toThrow();
  });

  it('are refused by a server when the client has another authority', async () => {
    const attempt = handshake({
      serverCa: ca.certificate,
      clientCa: ca.certificate,
      server: ca.issueServer(),
      client: createTestCa().issueClient({ commonName: 'alice' }),
    });
    await expect(attempt).rejects.toThrow();
  });

  it('say who may sign others', () => {
    const authority = new X509Certificate(ca.certificate);
    const leaf = new X509Certificate(client.certificate);
    expect(authority.ca).toBe(true);
    expect(leaf.ca).toBe(false);
    expect(leaf.checkIssued(authority)).toBe(true);
    expect(leaf.verify(authority.publicKey)).toBe(true);
  });
});
