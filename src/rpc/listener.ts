import { createServer, type TLSSocket } from 'node:tls';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { type CertificateSet, readCertificateSet } from '../platform/certificate-files.ts';
import type { Clock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';

export interface ListenerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** With `clientCa`, nobody connects without a certificate of that authority. */
  readonly tls: { readonly certificate: string; readonly key: string; readonly clientCa?: string };
  readonly limits: {
    readonly maxConnections: number;
    readonly maxStreamsPerConnection: number;
    readonly maxMessageBytes: number;
  };
  readonly clock: Clock;
  readonly log: Log;
}

/** gRPC over our own TLS server. */
export interface Listener {
  readonly server: Server;
  /** host:port that was bound. */
  readonly address: string;
  /** No new connections. */
  stopAccepting(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The default of 511 overflows when a thousand clients come back at once. */
const backlog = 8_192;
const handshakeTimeoutMs = 10_000;
const reloadMs = 5_000;
const megabyte = 1024 * 1024;

/**
 * Listens on TLS 1.3 and hands each connection to grpc-js when its handshake is done. The TLS server is ours, because only so can
 * certificates be exchanged as a checked set: grpc-js polls each file by itself and drops every handshake while they disagree.
 * Throws `config_invalid` when the first set is not usable or the address cannot be bound.
 */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const { limits, log } = options;
  let current = await readCertificateSet(options.tls);
  const server = new Server({
    'grpc.max_concurrent_streams': limits.maxStreamsPerConnection,
    'grpc.max_receive_message_length': limits.maxMessageBytes,
    'grpc-node.max_session_memory': 8 * megabyte,
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 20_000,
    'grpc.enable_channelz': 0,
  });
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const sockets = new Set<TLSSocket>();
  const tls = createServer({ ...contextOf(current), handshakeTimeout: handshakeTimeoutMs });
  tls.maxConnections = limits.maxConnections;
  tls.on('secureConnection', (socket) => {
    // Without the protocol, and for an authority that was configured without the certificate, there is nothing to talk about.
    if (socket.alpnProtocol !== 'h2' || (options.tls.clientCa !== undefined && !socket.authorized)) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    injector.injectConnection(socket);
  });
  tls.on('tlsClientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    tls.once('error', (cause) =>
      reject(new LeaseholdError('config_invalid', { detail: 'the address cannot be bound', cause })),
    );
    tls.listen({ ...options.listen, backlog }, () => resolve());
  });
  tls.on('error', (error) => log.error('a listener failed', {}, error));
  const bound = tls.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : options.listen.port;

  let cancel: () => void = () => undefined;
  let closed = false;
  const reload = async (): Promise<void> => {
    try {
      const next = await readCertificateSet(options.tls);
      if (next.fingerprint !== current.fingerprint) {
        tls.setSecureContext(contextOf(next));
        current = next;
        log.info('certificate exchanged', { expiresAt: new Date(next.expiresAt).toISOString() });
      }
    } catch (error) {
      log.warn('the certificate files are not a usable set, the one before stays', {}, error);
    }
    if (!isClosed()) cancel = options.clock.after(reloadMs, () => void reload());
  };
  const isClosed = () => closed;
  cancel = options.clock.after(reloadMs, () => void reload());

  const host = options.listen.host.includes(':') ? `[${options.listen.host}]` : options.listen.host;
  return {
    server,
    address: `${host}:${port}`,
    stopAccepting: () => {
      tls.close();
    },
    [Symbol.asyncDispose]: async () => {
      closed = true;
      cancel();
      tls.close();
      injector.destroy();
      server.forceShutdown();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function contextOf(set: CertificateSet) {
  return {
    cert: set.certificate,
    key: set.key,
    minVersion: 'TLSv1.3' as const,
    ALPNProtocols: ['h2'],
    ...(set.clientCa === undefined ? {} : { ca: set.clientCa, requestCert: true, rejectUnauthorized: true }),
  };
}
