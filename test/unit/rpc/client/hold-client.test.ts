import { execFile } from 'node:child_process';
import { once } from 'node:events';
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { LeaseholdError } from '../../../../src/platform/error.ts';
import { createSharedDial, dialHold, type HoldStream } from '../../../../src/rpc/client/hold-client.ts';
import type { HoldEvent } from '../../../../src/rpc/client/hold-messages.ts';
import { createTestCa, type KeyAndCertificate } from '../../../support/certificates.ts';

const authority = createTestCa();
const { certificate, key } = authority.issueServer();
const tls = { cert: certificate, key };

async function listening<T extends Server | Http2SecureServer>(
  server: T,
): Promise<{ server: T; address: string }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Dials, and gives back how the stream ended; a dial that fails counts as an end. */
async function endOf(
  address: string,
  options: { readonly ca?: string; readonly serverName?: string; readonly timeoutMs?: number } = {},
): Promise<{ code: string | undefined; detail: string | undefined; events: HoldEvent[] }> {
  const events: HoldEvent[] = [];
  const { promise: ended, resolve } = Promise.withResolvers<LeaseholdError | undefined>();
  let stream: HoldStream | undefined;
  try {
    stream = await dialHold({
      endpoint: {
        address,
        ca: Buffer.from(options.ca ?? authority.certificate),
        ...(options.serverName === undefined ? {} : { serverName: options.serverName }),
      },
      connectTimeoutMs: options.timeoutMs ?? 5_000,
      signal: new AbortController().signal,
      listener: { onEvent: (event) => events.push(event), onEnd: resolve },
    });
    const error = await ended;
    return { code: error?.code, detail: error?.detail, events };
  } catch (error) {
    const known = LeaseholdError.from(error);
    return { code: known.code, detail: known.detail, events };
  } finally {
    stream?.close();
  }
}

describe('dialling a peer that is no broker of ours', () => {
  it('says why a connection does not come about', async () => {
    expect(await endOf('127.0.0.1:9')).toMatchObject({
      code: 'broker_unavailable',
      detail: 'nothing listens at that address',
    });
    const silent = await listening(createTcpServer());
    expect(await endOf(silent.address, { timeoutMs: 200 })).toMatchObject({
      code: 'broker_unavailable',
      detail: 'no answer in time',
    });
    silent.server.close();
    expect(await endOf('127.0.0.1:9', { ca: 'not PEM' })).toMatchObject({ code: 'broker_unavailable' });
  });

  it('refuses another authority, another name, TLS 1.2 and HTTP/1.1', async () => {
    const good = await listening(createSecureServer(tls));
    expect(await endOf(good.address, { ca: createTestCa().certificate })).toMatchObject({
      detail: "the broker's certificate is not from the given CA",
    });
    expect(await endOf(good.address, { serverName: 'other.example' })).toMatchObject({
      detail: "the broker's certificate carries another name",
    });
    good.server.close();
    const old = await listening(createSecureServer({ ...tls, maxVersion: 'TLSv1.2' }));
    expect(await endOf(old.address)).toMatchObject({ code: 'broker_unavailable' });
    old.server.close();
    const plain = await listening(createHttpsServer(tls));
    expect(await endOf(plain.address)).toMatchObject({ code: 'broker_unavailable' });
    plain.server.close();
  });

  it('checks the certificate even when the environment says not to', async () => {
    const good = await listening(createSecureServer(tls));
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    try {
      expect(await endOf(good.address, { ca: createTestCa().certificate })).toMatchObject({
        code: 'broker_unavailable',
      });
    } finally {
      vi.unstubAllEnvs();
      good.server.close();
    }
  });

  it.each([
    ['an HTML page', 200, 'text/html', Buffer.from('<html>hello</html>')],
    ['a page that says no', 404, 'text/html', Buffer.from('<html>no</html>')],
    ['a compressed frame', 200, 'application/grpc', Buffer.from([1, 0, 0, 0, 1, 0])],
    ['a frame without end', 200, 'application/grpc', Buffer.from([0, 0xff, 0xff, 0xff, 0xff])],
    ['bytes that are no message', 200, 'application/grpc', Buffer.from([0, 0, 0, 0, 1, 0xff])],
    ['an end without trailers', 200, 'application/grpc', Buffer.alloc(0)],
  ])('ends with an error, and no event, on %s', async (_, status, type, body) => {
    const server = createSecureServer(tls);
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', () => undefined);
      stream.respond({ ':status': status, 'content-type': type });
      stream.end(body);
    });
    const { address } = await listening(server);
    const end = await endOf(address);
    expect(end.events).toEqual([]);
    expect(['broker_unavailable', 'internal']).toContain(end.code);
    expect(end.detail).not.toContain('html');
    server.close();
  });

  it('ends with an error when the connection is cut in the middle of a message', async () => {
    const server = createSecureServer(tls);
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', () => undefined);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.write(Buffer.from([0, 0, 0, 0, 9, 1, 2]), () => stream.session?.destroy());
    });
    const { address } = await listening(server);
    expect(await endOf(address)).toMatchObject({ code: 'broker_unavailable', events: [] });
    server.close();
  });
});

describe('streams that share a connection', () => {
  /** Answers every stream with headers, and keeps it. */
  async function brokerThatKeeps() {
    const accepted: ServerHttp2Stream[] = [];
    const secure = createSecureServer({ ...tls, ca: authority.certificate, requestCert: true });
    const sessions = new Set<ServerHttp2Session>();
    secure.on('session', (session) => void sessions.add(session));
    secure.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', () => undefined);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      accepted.push(stream);
    });
    const { server, address } = await listening(secure);
    return { address, accepted, sessions, [Symbol.asyncDispose]: async () => void server.close() };
  }
  const dialOptions = (address: string, pair: KeyAndCertificate, ends: (string | undefined)[]) => ({
    endpoint: {
      address,
      ca: Buffer.from(authority.certificate),
      clientCertificate: { certificate: Buffer.from(pair.certificate), key: Buffer.from(pair.key) },
    },
    connectTimeoutMs: 5_000,
    signal: new AbortController().signal,
    listener: {
      onEvent: () => undefined,
      onEnd: (error: LeaseholdError | undefined) => void ends.push(error?.code),
    },
  });

  it('come on one connection, dialled at once or later, and on another with a renewed certificate', async () => {
    await using broker = await brokerThatKeeps();
    const dial = createSharedDial();
    const ends: (string | undefined)[] = [];
    const first = authority.issueClient({ commonName: 'n1' });
    const options = dialOptions(broker.address, first, ends);
    const streams = await Promise.all([dial(options), dial(options)]);
    streams.push(await dial(options));
    await vi.waitFor(() => expect(broker.accepted).toHaveLength(3));
    expect(broker.sessions.size).toBe(1);
    streams.push(await dial(dialOptions(broker.address, authority.issueClient({ commonName: 'n1' }), ends)));
    await vi.waitFor(() => expect(broker.accepted).toHaveLength(4));
    expect(broker.sessions.size).toBe(2);
    for (const stream of streams) stream.close();
    expect(ends).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('end one by one, and all with the connection; the next dial makes a new one', async () => {
    await using broker = await brokerThatKeeps();
    const dial = createSharedDial();
    const ends: (string | undefined)[] = [];
    const options = dialOptions(broker.address, authority.issueClient({ commonName: 'n1' }), ends);
    const [first] = await Promise.all([dial(options), dial(options), dial(options)]);
    await vi.waitFor(() => expect(broker.accepted).toHaveLength(3));
    first.close();
    expect(ends).toEqual([undefined]);
    broker.accepted[0]?.session?.destroy();
    await vi.waitFor(() => expect(ends).toEqual([undefined, 'broker_unavailable', 'broker_unavailable']));
    const again = await dial(options);
    await vi.waitFor(() => expect(broker.sessions.size).toBe(2));
    again.close();
  });

  it('leave a connection that ended well to those that come soon after them', async () => {
    await using broker = await brokerThatKeeps();
    const dial = createSharedDial({ restMs: 60_000 });
    const ends: (string | undefined)[] = [];
    const options = dialOptions(broker.address, authority.issueClient({ commonName: 'n1' }), ends);
    for (let count = 1; count <= 3; count += 1) {
      (await dial(options)).close();
      expect(ends).toEqual(Array(count).fill(undefined));
      await vi.waitFor(() => expect(broker.sessions.size).toBe(1));
    }
    for (const session of broker.sessions) session.destroy();
  });

  it('end a connection that nobody has come on for a while, and none that has a stream again', async () => {
    await using broker = await brokerThatKeeps();
    const dial = createSharedDial({ restMs: 100 });
    const ends: (string | undefined)[] = [];
    const options = dialOptions(broker.address, authority.issueClient({ commonName: 'n1' }), ends);
    (await dial(options)).close();
    const stream = await dial(options);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(ends).toHaveLength(1);
    stream.close();
    expect(ends).toEqual([undefined, undefined]);
    await vi.waitFor(() =>
      expect([...broker.sessions].map(({ destroyed }) => destroyed)).not.toContain(false),
    );
  });

  it('leave none behind after a failure, nor one that the broker has said goodbye on', async () => {
    await using broker = await brokerThatKeeps();
    const dial = createSharedDial({ restMs: 60_000 });
    const ends: (string | undefined)[] = [];
    const options = dialOptions(broker.address, authority.issueClient({ commonName: 'n1' }), ends);
    await dial(options);
    await vi.waitFor(() => expect(broker.accepted).toHaveLength(1));
    broker.accepted[0]?.close(constants.NGHTTP2_INTERNAL_ERROR);
    await vi.waitFor(() => expect(ends).toEqual(['broker_unavailable']));
    (await dial(options)).close();
    await vi.waitFor(() => expect(broker.sessions.size).toBe(2));
    const [failed, resting] = broker.sessions;
    await vi.waitFor(() => expect(failed?.destroyed).toBe(true));
    expect(resting?.destroyed).toBe(false);
    resting?.close();
    await vi.waitFor(() => expect(resting?.destroyed).toBe(true));
    (await dial(options)).close();
    await vi.waitFor(() => expect(broker.sessions.size).toBe(3));
  });

  // The broker cuts it a minute later, which their holders would take for an outage.
  it('end in good order when the broker says goodbye on their connection', async () => {
    await using broker = await brokerThatKeeps();
    const dial = createSharedDial({ restMs: 60_000 });
    const ends: (string | undefined)[] = [];
    const options = dialOptions(broker.address, authority.issueClient({ commonName: 'n1' }), ends);
    await Promise.all([dial(options), dial(options)]);
    await vi.waitFor(() => expect(broker.accepted).toHaveLength(2));
    for (const stream of broker.accepted) {
      stream.on('end', () => stream.end());
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.resume();
    }
    for (const session of broker.sessions) session.goaway();
    await vi.waitFor(() => expect(ends).toEqual([undefined, undefined]));
  });

  it('do not keep a process by a connection that rests', async () => {
    await using broker = await brokerThatKeeps();
    const pair = authority.issueClient({ commonName: 'n1' });
    const module = new URL('../../../../src/rpc/client/hold-client.ts', import.meta.url).href;
    const script = `
      const { createSharedDial } = await import(${JSON.stringify(module)});
      const [address, ca, certificate, key] = JSON.parse(process.argv[1]);
      const dial = createSharedDial({ restMs: 60_000 });
      const stream = await dial({
        endpoint: { address, ca: Buffer.from(ca), clientCertificate: { certificate: Buffer.from(certificate), key: Buffer.from(key) } },
        connectTimeoutMs: 5_000,
        signal: new AbortController().signal,
        listener: { onEvent: () => undefined, onEnd: () => process.stdout.write('ended') },
      });
      stream.close();
    `;
    const input = JSON.stringify([broker.address, authority.certificate, pair.certificate, pair.key]);
    const child = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, input], {
      timeout: 30_000,
    });
    expect((await child).stdout).toBe('ended');
  });
});
