import { constants } from 'node:crypto';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import {
  type CertificateFiles,
  type CertificateSet,
  watchCertificates,
} from '../platform/certificate-files.ts';
import type { Clock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import type { Metrics } from '../platform/metrics.ts';

export interface TlsFrontOptions {
  /** Which listener, for metrics and logs. */
  readonly name: 'workloads' | 'admin' | 'nodes';
  readonly listen: { readonly host: string; readonly port: number };
  /** With `clientCa`, nobody connects without a certificate of that authority. */
  readonly tls: CertificateFiles;
  readonly maxConnections: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** A connection whose handshake is complete. */
  readonly onConnection: (socket: TLSSocket) => void;
}

/** A TLS 1.3 server for HTTP/2. */
export interface TlsFront extends AsyncDisposable {
  /** host:port that was bound. */
  readonly address: string;
  /** No new connections; those that there are go on. */
  stopAccepting(): void;
  /** Breaks the connections of a peer, given as grpc-js names it (address:port). */
  cut(peer: string): void;
  /** What new connections are served with. */
  certificate(): CertificateSet;
  /** Looks at the certificate files now. */
  checkCertificates(): Promise<void>;
}

/** Node's default of 511 overflows when a thousand holders come back at once. */
const backlog = 8_192;
const handshakeTimeoutMs = 10_000;
const reloadMs = 5_000;
/** What one address may take of all connections: less than all, or one stranger could lock everybody else out. */
const shareOfOneAddress = 0.5;

/** Throws `config_invalid` when the first certificate set is not usable or the address cannot be bound. */
export async function openTlsFront(options: TlsFrontOptions): Promise<TlsFront> {
  const { name, log, metrics, clock } = options;
  const needsClient = options.tls.clientCa !== undefined;
  const connections = new Connections();
  // Set before the first use: the watch calls back only after its files have changed.
  let exchange: (next: CertificateSet, before: CertificateSet) => void = () => undefined;
  const certificates = await watchCertificates({
    files: options.tls,
    intervalMs: reloadMs,
    clock,
    log: log.child({ listener: name }),
    onChange: (next, before) => exchange(next, before),
    onResult: (result) => metrics.count('certificateReloads', { listener: name, result }),
  });

  const tls = createTlsServer({
    ...contextOf(certificates.current()),
    ALPNProtocols: ['h2'],
    handshakeTimeout: handshakeTimeoutMs,
    requestCert: needsClient,
    rejectUnauthorized: needsClient,
  });
  exchange = (next, before) => {
    tls.setSecureContext(contextOf(next));
    // Whoever was let in by an authority that is trusted no longer has to show a certificate again.
    if (before.clientCa !== undefined && next.clientCa?.equals(before.clientCa) !== true)
      connections.cutAll();
  };
  tls.on('secureConnection', (socket) => {
    socket.on('error', () => socket.destroy());
    // Without the protocol, and for an authority that is configured without a certificate, there is nothing to talk about.
    if (socket.alpnProtocol !== 'h2' || (needsClient && !socket.authorized)) {
      metrics.count('handshakesFailed', {
        listener: name,
        reason: socket.alpnProtocol === 'h2' ? 'certificate' : 'protocol',
      });
      socket.destroy();
      return;
    }
    if (needsClient) keepCertificate(socket);
    options.onConnection(socket);
  });
  tls.on('tlsClientError', (_error, socket) => {
    metrics.count('handshakesFailed', { listener: name, reason: 'handshake' });
    socket.destroy();
  });

  const mostOfOneAddress = Math.max(1, Math.ceil(options.maxConnections * shareOfOneAddress));
  const tcp = createTcpServer({ noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    const limit =
      connections.size >= options.maxConnections
        ? 'total'
        : connections.ofAddress(socket) >= mostOfOneAddress
          ? 'address'
          : undefined;
    if (limit !== undefined) {
      // Before the handshake: it is what a connection costs most.
      metrics.count('connectionsRefused', { listener: name, limit });
      socket.destroy();
      return;
    }
    connections.add(socket);
    tls.emit('connection', socket);
  });
  try {
    await listen(tcp, options.listen);
  } catch (error) {
    await certificates[Symbol.asyncDispose]();
    throw error;
  }
  tcp.on('error', (error) => log.error('a listener failed', { listener: name }, error));
  const removeGauges = [
    metrics.gauge('connections', () => [{ value: connections.size, labels: { listener: name } }]),
    metrics.gauge('certificateExpirySeconds', () => [
      { value: (certificates.current().expiresAt - clock.now()) / 1000, labels: { listener: name } },
    ]),
  ];

  const bound = tcp.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : options.listen.port;
  const host = options.listen.host.includes(':') ? `[${options.listen.host}]` : options.listen.host;
  return {
    address: `${host}:${port}`,
    stopAccepting: () => void tcp.close(),
    cut: (peer) => {
      metrics.count('holdersCut', { listener: name });
      connections.cut(peer);
    },
    certificate: () => certificates.current(),
    checkCertificates: () => certificates.check(),
    [Symbol.asyncDispose]: async () => {
      for (const remove of removeGauges) remove();
      tcp.close();
      connections.cutAll();
      await certificates[Symbol.asyncDispose]();
    },
  };
}

/**
 * grpc-js asks for the peer's certificate with every call, and Node takes it apart anew each time. In TLS 1.3 it stays what it was in the handshake:
 * nothing here asks for another one later.
 */
function keepCertificate(socket: TLSSocket): void {
  const certificate = socket.getPeerCertificate();
  Object.defineProperty(socket, 'getPeerCertificate', { value: () => certificate });
}

/** Open TCP connections, handshakes under way included. */
class Connections {
  readonly #byPeer = new Map<string, Set<Socket>>();
  readonly #byAddress = new Map<string, number>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  ofAddress({ remoteAddress = '' }: Socket): number {
    return this.#byAddress.get(remoteAddress) ?? 0;
  }

  add(socket: Socket): void {
    // Read now: a socket that is closed has forgotten them.
    const { remoteAddress: address = '', remotePort = 0 } = socket;
    const peer = `${address}:${remotePort}`;
    // More than one only where the listener has several addresses and a peer reaches two of them from one port.
    const sockets = this.#byPeer.get(peer) ?? new Set();
    this.#byPeer.set(peer, sockets.add(socket));
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + 1);
    this.#size += 1;
    socket.once('close', () => {
      sockets.delete(socket);
      if (sockets.size === 0) this.#byPeer.delete(peer);
      const left = (this.#byAddress.get(address) ?? 1) - 1;
      if (left === 0) this.#byAddress.delete(address);
      else this.#byAddress.set(address, left);
      this.#size -= 1;
    });
  }

  cut(peer: string): void {
    for (const socket of this.#byPeer.get(peer) ?? []) socket.destroy();
  }

  cutAll(): void {
    for (const sockets of this.#byPeer.values()) for (const socket of sockets) socket.destroy();
  }
}

function contextOf(set: CertificateSet) {
  return {
    cert: set.certificate,
    key: set.key,
    minVersion: 'TLSv1.3' as const,
    // Tickets would let a client back in without its certificate being looked at again. With this option they stand for a session
    // that would have to be remembered here, and none is.
    secureOptions: constants.SSL_OP_NO_TICKET,
    ...(set.clientCa === undefined ? {} : { ca: set.clientCa }),
  };
}

function listen(
  server: ReturnType<typeof createTcpServer>,
  at: { readonly host: string; readonly port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) =>
      reject(new LeaseholdError('config_invalid', { detail: 'the address cannot be bound', cause }));
    server.once('error', fail);
    server.listen({ ...at, backlog }, () => {
      server.off('error', fail);
      resolve();
    });
  });
}
