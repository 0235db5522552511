import {
  connect,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
} from 'node:http2';
import { LeaseholdError } from '../../platform/error.ts';
import { connectSocket, lost } from './connect-socket.ts';
import type { BrokerEndpoint } from './endpoint.ts';
import type { HoldStream, HoldStreamListener } from './hold-client.ts';
import { decodeEvent, encodeCommand } from './hold-codec.ts';
import { createUnframer, frame } from './hold-framing.ts';
import { codeKey, retryAfterKey, trailerError } from './trailers.ts';

const keepaliveMs = 30_000;
const keepaliveTimeoutMs = 10_000;
const method = '/leasehold.v1.WorkloadService/Hold';

/**
 * One connection to a broker, and the streams on it. It ends with its last stream, or when none has come for `restMs` after one that ended well, and
 * every stream ends with it.
 *
 * gRPC on `node:http2` itself: streams of one method need little of a gRPC library, and eight sidecars on a node feel the
 * difference.
 */
export interface HoldConnection {
  /** One more stream, while `isOpen`. */
  open(listener: HoldStreamListener): HoldStream;
  /** False from the moment on at which it has ended or ends. */
  isOpen(): boolean;
}

export interface ConnectOptions {
  readonly endpoint: BrokerEndpoint;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** How long it waits for another stream after its last one, without keeping its process; not at all when left out. */
  readonly restMs?: number;
}

/** Rejects with `broker_unavailable`, `config_invalid` or `cancelled`. Without a stream it stays open. */
export async function connectHold(options: ConnectOptions): Promise<HoldConnection> {
  const { endpoint, timeoutMs, signal, restMs = 0 } = options;
  const socket = await connectSocket(endpoint, timeoutMs, signal);
  const session = connect(`https://${endpoint.address}`, {
    createConnection: () => socket,
    settings: { enablePush: false },
  });
  const authority = endpoint.serverName ?? endpoint.address;
  const served = new Set<Served>();
  let isOver = false;

  const stopKeepalive = keepAlive(session, () => cut('the broker does not answer on the connection'));
  let rest: NodeJS.Timeout | undefined;
  function close(): void {
    isOver = true;
    clearTimeout(rest);
    stopKeepalive();
    session.destroy();
  }
  function cut(detail: string): void {
    close();
    for (const { end } of [...served]) end(lost(detail));
  }
  // Node reports one failure in several places; without a listener in each the process would die of it.
  session.on('error', () => cut('the connection was cut'));
  session.on('close', () => cut('the connection was cut'));
  // The broker takes no new stream on it, and cuts it soon: by its age, or because it goes. Those that stand end in good order before that, or
  // their holders would take the cut for an outage.
  session.on('goaway', () => {
    isOver = true;
    if (rest !== undefined) close();
    for (const { stream } of served) stream.finish();
  });
  function onLastEnd(error: LeaseholdError | undefined): void {
    // After a failure another broker behind the same address may do better.
    if (isOver || restMs === 0 || error !== undefined) {
      close();
      return;
    }
    session.unref();
    rest = setTimeout(close, restMs);
    rest.unref();
  }

  return {
    isOpen: () => !isOver && !session.closed && !session.destroyed,
    open: (listener) => {
      if (rest !== undefined) session.ref();
      clearTimeout(rest);
      rest = undefined;
      const stream = session.request({
        [constants.HTTP2_HEADER_METHOD]: 'POST',
        [constants.HTTP2_HEADER_PATH]: method,
        [constants.HTTP2_HEADER_AUTHORITY]: authority,
        [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
        [constants.HTTP2_HEADER_TE]: 'trailers',
      });
      const one = serveStream(stream, {
        onEvent: (event) => listener.onEvent(event),
        onEnd: (error) => {
          served.delete(one);
          if (served.size === 0) onLastEnd(error);
          listener.onEnd(error);
        },
      });
      served.add(one);
      return one.stream;
    },
  };
}

interface Served {
  readonly stream: HoldStream;
  readonly end: (error: LeaseholdError | undefined) => void;
}

function serveStream(stream: ClientHttp2Stream, listener: HoldStreamListener): Served {
  let isOver = false;
  let trailers: IncomingHttpHeaders | undefined;

  function end(error: LeaseholdError | undefined): void {
    if (isOver) return;
    isOver = true;
    stream.close(constants.NGHTTP2_CANCEL);
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
  stream.on('error', () => end(lost('the connection was cut')));

  return {
    end,
    stream: {
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
    },
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
