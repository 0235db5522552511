import {
  connect,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
} from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { LeaseholdError } from '../../platform/error.ts';
import type { BrokerEndpoint } from './endpoint.ts';
import { decodeEvent, encodeCommand } from './hold-codec.ts';
import { createUnframer, frame } from './hold-framing.ts';
import type { HoldCommand, HoldEvent } from './hold-messages.ts';
import { parseHostPort } from './host-port.ts';
import { codeKey, retryAfterKey, trailerError } from './trailers.ts';
import { unreachableReason } from './unreachable-reason.ts';

/** One connected stream. Whoever dialled it closes it. */
export interface HoldStream {
  /** Never throws and never blocks; after the end of the stream it does nothing. */
  send(command: HoldCommand): void;
  /** No more will be sent; the broker ends the stream when it has answered. */
  finish(): void;
  /** Ends stream and connection at once. Idempotent. */
  close(): void;
}

export interface HoldStreamListener {
  onEvent(event: HoldEvent): void;
  /** Called exactly once, and nothing after it. Undefined when the stream was ended without an error, or by `close`. */
  onEnd(error: LeaseholdError | undefined): void;
}

export interface DialOptions {
  readonly endpoint: BrokerEndpoint;
  readonly connectTimeoutMs: number;
  readonly listener: HoldStreamListener;
  readonly signal: AbortSignal;
}

/** How a holder reaches a broker. */
export type DialHold = (options: DialOptions) => Promise<HoldStream>;

const keepaliveMs = 30_000;
const keepaliveTimeoutMs = 10_000;
const method = '/leasehold.v1.WorkloadService/Hold';

/**
 * gRPC on `node:http2` itself: one stream of one method needs little of a gRPC library, and eight sidecars on a node
 * feel the difference. Rejects with `broker_unavailable`, `config_invalid` or `cancelled`.
 */
export const dialHold: DialHold = async ({ endpoint, connectTimeoutMs, listener, signal }) => {
  const socket = await connectSocket(endpoint, connectTimeoutMs, signal);
  const authority = endpoint.serverName ?? endpoint.address;
  const session = connect(`https://${endpoint.address}`, {
    createConnection: () => socket,
    settings: { enablePush: false },
  });
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: method,
    [constants.HTTP2_HEADER_AUTHORITY]: authority,
    [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
    [constants.HTTP2_HEADER_TE]: 'trailers',
  });
  return serveStream(session, stream, listener);
};

function serveStream(
  session: ClientHttp2Session,
  stream: ClientHttp2Stream,
  listener: HoldStreamListener,
): HoldStream {
  let isOver = false;
  let trailers: IncomingHttpHeaders | undefined;
  const stopKeepalive = keepAlive(session, () => end(lost('the broker does not answer on the connection')));

  function end(error: LeaseholdError | undefined): void {
    if (isOver) return;
    isOver = true;
    stopKeepalive();
    stream.close(constants.NGHTTP2_CANCEL);
    session.destroy();
    listener.onEnd(error);
  }

  const unframe = createUnframer((message) => {
    const event = decodeEvent(message);
    if (event !== undefined && !isOver) listener.onEvent(event);
  });
  stream.on('response', (headers) => {
    // A call that fails at once has its trailers in the place of its headers.
    if (headers['grpc-status'] !== undefined) trailers = headers;
    else if (headers[':status'] !== 200) end(lost('the peer is not a gRPC server'));
  });
  stream.on('trailers', (received) => {
    trailers = received;
  });
  stream.on('data', (chunk: Buffer) => {
    if (isOver) return;
    try {
      unframe(chunk);
    } catch (error) {
      end(LeaseholdError.from(error));
    }
  });
  stream.on('end', () => end(endOf(trailers)));
  stream.on('close', () => end(trailers === undefined ? lost('the connection was cut') : endOf(trailers)));
  // Node reports one failure in several places; without a listener in each the process would die of it.
  stream.on('error', () => end(lost('the connection was cut')));
  session.on('error', () => end(lost('the connection was cut')));
  session.on('close', () => end(lost('the connection was cut')));

  return {
    send: (command) => {
      if (isOver || stream.destroyed || stream.writableEnded) return;
      const message = encodeCommand(command);
      stream.write(frame(message));
      message.fill(0);
    },
    finish: () => {
      if (!isOver && !stream.destroyed) stream.end();
    },
    close: () => end(undefined),
  };
}

/** What the trailers say; undefined for a call that ended well. */
function endOf(trailers: IncomingHttpHeaders | undefined): LeaseholdError | undefined {
  if (trailers?.['grpc-status'] === '0') return undefined;
  return trailerError(
    { code: trailers?.[codeKey], retryAfter: trailers?.[retryAfterKey] },
    { code: 'broker_unavailable', detail: 'the stream ended without a code of ours' },
  );
}

/** TCP alone notices a dead peer after many minutes, and a holder must not believe in a dead stream. */
function keepAlive(session: ClientHttp2Session, onDead: () => void): () => void {
  let answer: NodeJS.Timeout | undefined;
  const every = setInterval(() => {
    if (session.destroyed || answer !== undefined) return;
    answer = setTimeout(onDead, keepaliveTimeoutMs);
    answer.unref();
    session.ping(() => {
      clearTimeout(answer);
      answer = undefined;
    });
  }, keepaliveMs);
  every.unref();
  return () => {
    clearInterval(every);
    clearTimeout(answer);
  };
}

function connectSocket(endpoint: BrokerEndpoint, timeoutMs: number, signal: AbortSignal): Promise<TLSSocket> {
  const { host, port } = parseHostPort(endpoint.address);
  return new Promise((resolve, reject) => {
    let socket: TLSSocket;
    const fail = (error: LeaseholdError) => {
      settle();
      socket.destroy();
      reject(error);
    };
    const onAbort = () => fail(new LeaseholdError('cancelled'));
    const onError = (error: Error) =>
      fail(lost(unreachableReason(`${'code' in error ? String(error.code) : ''} ${error.message}`)));
    const timer = setTimeout(() => fail(lost('no answer in time')), timeoutMs);
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.off('error', onError);
      // Until the session listens, nobody else would.
      socket.on('error', () => undefined);
    };
    try {
      socket = connectTls({
        host,
        port,
        ca: Buffer.from(endpoint.ca),
        minVersion: 'TLSv1.3',
        // Said outright: an inherited NODE_TLS_REJECT_UNAUTHORIZED must not turn the check off.
        rejectUnauthorized: true,
        ALPNProtocols: ['h2'],
        ...(endpoint.serverName === undefined ? {} : { servername: endpoint.serverName }),
      });
    } catch {
      clearTimeout(timer);
      // The original message may quote the file.
      reject(new LeaseholdError('config_invalid', { detail: 'the CA is not usable PEM' }));
      return;
    }
    socket.on('error', onError);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) {
      onAbort();
      return;
    }
    socket.once('secureConnect', () => {
      if (socket.alpnProtocol !== 'h2') {
        fail(lost('the peer does not speak HTTP/2'));
        return;
      }
      settle();
      resolve(socket);
    });
  });
}

function lost(detail: string | undefined): LeaseholdError {
  return new LeaseholdError('broker_unavailable', detail === undefined ? {} : { detail });
}
