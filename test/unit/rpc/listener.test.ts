import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { callHealth } from '../../support/call-health.ts';
import { createTestCa } from '../../support/certificates.ts';
import { completeHandshake, portOf, reloadWhileConnecting } from './certificate-reloads.ts';
import {
  helloMessage,
  hold,
  startWorld,
  toEnded,
  type ServerWorld,
  type WorldOptions,
} from './server-world.ts';

let world: ServerWorld;
const start = async (options: WorldOptions = {}) => (world = await startWorld(options));
afterEach(() => world[Symbol.asyncDispose]());

const handshake = (address: string, options?: ConnectionOptions) =>
  completeHandshake(world, address, options);
const closed = (socket: { readonly closed: boolean; once(event: 'close', listener: () => void): unknown }) =>
  new Promise<void>((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });

/** A holder is still served. */
const expectAlive = async () => {
  using stream = hold(world);
  stream.call.write(helloMessage);
  expect((await stream.next()).message).toBe('welcome');
};

describe('the TLS server', () => {
  it('refuses TLS 1.2', async () => {
    await start();
    await expect(handshake(world.rpc.workloads, { maxVersion: 'TLSv1.2' })).rejects.toThrow(
      /protocol version/,
    );
  });

  it('closes a connection that does not speak HTTP/2', async () => {
    await start();
    const socket = await handshake(world.rpc.workloads, { ALPNProtocols: [] });
    socket.resume();
    await closed(socket);
    await expectAlive();
  });

  it('never resumes a session, so a certificate is looked at each time', async () => {
    await start();
    const { certificate: cert, key } = world.ca.issueClient({ commonName: 'somebody' });
    for (const address of [world.rpc.admin, world.rpc.workloads]) {
      const first = await handshake(address, { cert, key });
      // TLS 1.3 servers send two by default.
      const tickets: Buffer[] = [];
      first.on('session', (ticket) => tickets.push(ticket));
      await vi.waitFor(() => expect(tickets).toHaveLength(2));
      first.destroy();
      for (const ticket of tickets) {
        const second = await handshake(address, { cert, key, session: ticket });
        expect(second.isSessionReused()).toBe(false);
        second.destroy();
      }
    }
  });

  it('stops trusting an authority when it leaves the file, for those that are connected too', async () => {
    await start({ clients: [] });
    const { certificate: cert, key } = world.ca.issueClient({ commonName: 'somebody' });
    const before = await handshake(world.rpc.admin, { cert, key });
    before.resume();
    await writeFile(world.files.clientCa, createTestCa().certificate);
    await world.rpc.checkCertificates();
    await closed(before);
    const after = await handshake(world.rpc.admin, { cert, key });
    // In TLS 1.3 the client is done first and learns of the refusal afterwards.
    after.resume();
    await closed(after);
  });

  it('serves the new certificate to new connections and keeps the old ones', async () => {
    await start();
    using stream = hold(world);
    stream.call.write(helloMessage);
    await stream.next();
    const next = world.ca.issueServer({ names: ['localhost', '127.0.0.1', 'second.test'] });
    await writeFile(world.files.certificate, next.certificate);
    await world.rpc.checkCertificates();
    expect((await handshake(world.rpc.workloads)).getPeerCertificate().subjectaltname).not.toContain(
      'second',
    );
    await writeFile(world.files.key, next.key);
    await world.rpc.checkCertificates();
    expect((await handshake(world.rpc.workloads)).getPeerCertificate().subjectaltname).toContain('second');
    world.sessions.send({ kind: 'recovered', session: 'ses_a' });
    expect((await stream.next()).message).toBe('recovered');
    const text = await world.metrics.text();
    expect(text).toContain('leasehold_certificate_reloads_total{listener="workloads",result="refused"} 1');
    expect(text).toContain('leasehold_certificate_reloads_total{listener="workloads",result="ok"} 1');
  });

  it('fails no handshake over many reloads, torn ones included', async () => {
    await start();
    expect(await reloadWhileConnecting(world, 30)).toBeGreaterThanOrEqual(30);
  });
});

describe('limits', () => {
  it('closes connections above the total before their handshake, and serves again when others have gone', async () => {
    await start({ limits: { maxConnections: 4 } });
    // One address may have half of them.
    const first = [await handshake(world.rpc.workloads), await handshake(world.rpc.workloads)];
    const refused = connectTcp({ host: '127.0.0.1', port: portOf(world.rpc.workloads) });
    refused.on('error', () => undefined);
    await closed(refused.resume());
    expect(await world.metrics.text()).toContain(
      'leasehold_connections_refused_total{listener="workloads",limit="address"} 1',
    );
    for (const socket of first) socket.destroy();
    await vi.waitFor(expectAlive);
  });

  it('closes a connection that carries no call', async () => {
    await start({ limits: { firstMessageMs: 100 } });
    const session = connectHttp2(`https://127.0.0.1:${portOf(world.rpc.workloads)}`, {
      ca: world.ca.certificate,
    });
    session.on('error', () => undefined);
    await closed(session);
  });

  it('survives bytes that are no HTTP/2', async () => {
    await start();
    for (const garbage of [
      'GET / HTTP/1.1\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'.padEnd(4_000, '\xff'),
    ]) {
      const socket = await handshake(world.rpc.workloads);
      socket.write(Buffer.from(garbage, 'latin1'));
      socket.resume();
      await closed(socket);
    }
    const raw = connectTcp({ host: '127.0.0.1', port: portOf(world.rpc.workloads) });
    raw.on('error', () => undefined);
    raw.write(Buffer.alloc(10_000, 0x16));
    await closed(raw.resume());
    await expectAlive();
  });

  it('survives streams that are opened and reset as fast as can be', async () => {
    await start();
    const session = connectHttp2(`https://127.0.0.1:${portOf(world.rpc.workloads)}`, {
      ca: world.ca.certificate,
    });
    session.on('error', () => undefined);
    await once(session, 'remoteSettings');
    for (let index = 0; index < 5_000 && !session.closed && !session.destroyed; index += 1) {
      const stream = session.request({
        ':method': 'POST',
        ':path': '/leasehold.v1.WorkloadService/Hold',
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      stream.on('error', () => undefined);
      stream.close(constants.NGHTTP2_CANCEL);
      if (index % 500 === 0) await pause(1);
    }
    session.destroy();
    await expectAlive();
    await vi.waitFor(() => expect(world.sessions.calls.filter((call) => call === 'attach')).toHaveLength(1));
  });
});

describe('the health service', () => {
  const caller = () => callHealth({ address: world.rpc.workloads, ca: world.ca.certificate });

  it('says that the broker serves, without a credential', async () => {
    await start();
    using health = caller();
    expect(await health.check()).toBe('SERVING');
    expect(await health.check('leasehold.v1.WorkloadService')).toBe('SERVING');
  });

  it('does not repeat a name that it does not know', async () => {
    await start();
    using health = caller();
    const refused = await health.check('canary-name').catch(toEnded);
    expect(refused).toEqual({
      status: status.INVALID_ARGUMENT,
      code: 'request_invalid',
      details: 'the request breaks a rule of the interface',
    });
  });

  it('tells those that watch when callers are better served elsewhere, and when they are not', async () => {
    await start();
    using health = caller();
    const watching = health.watch();
    const told: string[] = [];
    watching.on('data', ({ status: now }: { readonly status: string }) => told.push(now));
    const ended = once(watching, 'error').then(([error]: ServiceError[]) => toEnded(error as ServiceError));
    await vi.waitFor(() => expect(told).toEqual(['SERVING']));
    world.rpc.setServing(false);
    await vi.waitFor(() => expect(told).toEqual(['SERVING', 'NOT_SERVING']));
    expect(await health.check()).toBe('NOT_SERVING');
    world.rpc.setServing(true);
    await vi.waitFor(() => expect(told).toEqual(['SERVING', 'NOT_SERVING', 'SERVING']));
    await world.rpc.drain(AbortSignal.timeout(50_000));
    expect(await ended).toMatchObject({ code: 'shutting_down', status: status.UNAVAILABLE });
    world.rpc.setServing(true);
    expect(await health.check().catch(() => 'gone')).not.toBe('SERVING');
  });
});
