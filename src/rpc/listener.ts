import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { CertificateSet } from '../platform/certificate-files.ts';
import type { Clock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import type { Metrics } from '../platform/metrics.ts';
import { createHandlers, type Handlers, methodName } from './handler.ts';
import { createStatusGuard, type ForeignEnd } from './status-guard.ts';
import { openTlsFront, type TlsFrontOptions } from './tls-front.ts';

export interface ListenerOptions extends Pick<TlsFrontOptions, 'name' | 'listen' | 'tls'> {
  readonly limits: {
    readonly maxConnections: number;
    readonly maxStreamsPerConnection: number;
    readonly maxMessageBytes: number;
    /** How long a connection may be without a call. */
    readonly idleMs: number;
  };
  /** Adds the methods, before anybody can connect; then there is a certificate too. */
  readonly serve: (handlers: Handlers, certificate: () => CertificateSet) => void;
  /** A call that ended before its handler could see it: too long, not decodable, and the like. */
  readonly onForeignEnd: (end: ForeignEnd) => void;
  /** Whether callers may name their trace. */
  readonly takesTrace: boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** gRPC over our own TLS server. */
export interface Listener extends AsyncDisposable {
  /** host:port that was bound. */
  readonly address: string;
  /** No new connections, and calls are told to end; resolves when they have, or the signal aborts. */
  drain(signal: AbortSignal): Promise<void>;
  /** Looks at the certificate files now. */
  checkCertificates(): Promise<void>;
}

/** Clients come back elsewhere or with the certificate of today; grpc-js spreads it by a tenth to either side. */
const connectionAgeMs = 3_600_000;
const connectionAgeGraceMs = 60_000;
const closingMs = 2_000;
/** Of one connection, in megabytes: Node's unit here. Beyond it no new streams are accepted. grpc-js alone has no limit. */
const sessionMegabytes = 16;

/**
 * Listens on TLS 1.3 and hands each connection to grpc-js when its handshake is done. The TLS server is ours, because only so can
 * certificates be exchanged as a checked set: grpc-js polls each file by itself and drops every handshake while they disagree.
 * Throws `config_invalid` when the first set is not usable or the address cannot be bound.
 */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const { limits, clock, log, metrics } = options;
  const draining = new AbortController();
  const server = new Server({
    interceptors: [
      createStatusGuard({
        onEnd: (path, code) => metrics.count('calls', { method: methodName(path), code }),
        onForeign: options.onForeignEnd,
      }),
    ],
    'grpc.max_concurrent_streams': limits.maxStreamsPerConnection,
    'grpc.max_receive_message_length': limits.maxMessageBytes,
    'grpc-node.max_session_memory': sessionMegabytes,
    'grpc.max_connection_idle_ms': limits.idleMs,
    'grpc.max_connection_age_ms': connectionAgeMs,
    'grpc.max_connection_age_grace_ms': connectionAgeGraceMs,
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 20_000,
    // It keeps a record of every connection and call.
    'grpc.enable_channelz': 0,
  });
  let cut: (peer: string) => void = () => undefined;
  const handlers = createHandlers({
    server,
    draining: draining.signal,
    cut: (peer) => cut(peer),
    takesTrace: options.takesTrace,
    clock,
    log,
    metrics,
  });
  let certificate: () => CertificateSet = () => {
    throw new LeaseholdError('internal');
  };
  options.serve(handlers, () => certificate());
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const front = await openTlsFront({
    ...options,
    maxConnections: limits.maxConnections,
    onConnection: (socket) => injector.injectConnection(socket),
  });
  cut = (peer) => front.cut(peer);
  certificate = () => front.certificate();
  return {
    address: front.address,
    checkCertificates: () => front.checkCertificates(),
    drain: async (signal) => {
      front.stopAccepting();
      draining.abort();
      await Promise.race([handlers.idle(), aborted(signal)]);
    },
    [Symbol.asyncDispose]: async () => {
      draining.abort();
      injector.destroy();
      server.forceShutdown();
      await front[Symbol.asyncDispose]();
      // What is left are farewells to parts that may be gone themselves.
      const enough = new AbortController();
      const cancel = clock.after(closingMs, () => enough.abort());
      await Promise.race([handlers.idle(), aborted(enough.signal)]);
      cancel();
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
