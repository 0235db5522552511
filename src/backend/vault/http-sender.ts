import type { IncomingMessage } from 'node:http';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Clock } from '../../platform/clock.ts';
import { LeaseholdError } from '../../platform/error.ts';

/** One request, already in the form that goes on the wire. */
export interface RawRequest {
  readonly method: string;
  /** Path and query, encoded. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** From the call to the last byte of the reply, milliseconds. */
  readonly limitMs: number;
  /** Left out where a request that was sent must run to its end. */
  readonly signal?: AbortSignal;
}

/** One reply, not yet judged. */
export interface RawReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Overwritten by whoever has read it. */
  readonly body: Buffer;
  /** Monotonic milliseconds. */
  readonly receivedAt: number;
}

export interface HttpSenderOptions {
  readonly origin: URL;
  /** PEM; the system's authorities when left out. */
  readonly ca?: string;
  readonly clock: Clock;
  /** Longest reply, bytes. Default 1 MiB. */
  readonly maxReplyBytes?: number;
  /** Longest wait for a connection, milliseconds. Default 5,000. */
  readonly connectLimitMs?: number;
  /** Connections at the same time. Default 64. */
  readonly maxSockets?: number;
}

/**
 * HTTP/1.1 to one origin and nowhere else: no redirects, no proxies, no environment. Throws `backend_unavailable` when the
 * request was certainly not sent, `backend_lost_reply` when it may have been, `backend_timeout`, `cancelled`, and
 * `backend_reply_invalid` for a reply that is too long.
 */
export interface HttpSender {
  send(request: RawRequest): Promise<RawReply>;
  close(): void;
}

/** Shorter than the server's own idle limit, so that it is rarely the server who closes: a request lost in that race cannot be repeated blindly. */
const idleSocketMs = 30_000;

/** See `HttpSender`. */
export function createHttpSender(options: HttpSenderOptions): HttpSender {
  const { origin, clock, maxReplyBytes = 1024 * 1024, connectLimitMs = 5000 } = options;
  const secure = origin.protocol === 'https:';
  const pool = {
    keepAlive: true,
    maxSockets: options.maxSockets ?? 64,
    maxFreeSockets: 16,
    timeout: idleSocketMs,
  };
  const agent = secure
    ? new HttpsAgent({
        ...pool,
        minVersion: 'TLSv1.2',
        // Said explicitly: NODE_TLS_REJECT_UNAUTHORIZED=0 turns off the default, not this.
        rejectUnauthorized: true,
        ...(options.ca === undefined ? {} : { ca: options.ca }),
      })
    : new HttpAgent(pool);

  const send = (request: RawRequest) =>
    new Promise<RawReply>((resolve, reject) => {
      if (request.signal?.aborted === true) {
        reject(new LeaseholdError('cancelled'));
        return;
      }
      // False until the connection stands; before that nothing can have reached the backend.
      let sent = false;
      let settled = false;
      const outgoing = (secure ? httpsRequest : httpRequest)({
        agent,
        protocol: origin.protocol,
        hostname: origin.hostname.replace(/^\[|\]$/g, ''),
        port: origin.port === '' ? (secure ? 443 : 80) : origin.port,
        method: request.method,
        path: request.target,
        headers: {
          ...request.headers,
          ...(request.body === undefined ? {} : { 'content-length': Buffer.byteLength(request.body) }),
        },
      });

      const settle = (finish: () => void) => {
        if (settled) return;
        settled = true;
        cancelLimit();
        cancelConnectLimit();
        request.signal?.removeEventListener('abort', onAbort);
        finish();
      };
      const fail = (error: LeaseholdError) =>
        settle(() => {
          outgoing.destroy();
          reject(error);
        });
      // Of the cause only its code: messages of TLS errors name hosts and certificates of others.
      const broken = (cause: unknown) => {
        const detail = `connection: ${codeOf(cause)}`;
        fail(new LeaseholdError(sent ? 'backend_lost_reply' : 'backend_unavailable', { detail }));
      };
      const onAbort = () => fail(new LeaseholdError('cancelled'));
      request.signal?.addEventListener('abort', onAbort, { once: true });
      const cancelLimit = clock.after(request.limitMs, () =>
        fail(
          new LeaseholdError(sent ? 'backend_timeout' : 'backend_unavailable', {
            detail: `no complete reply within ${request.limitMs} ms`,
          }),
        ),
      );
      const cancelConnectLimit = clock.after(connectLimitMs, () => {
        if (!sent)
          fail(
            new LeaseholdError('backend_unavailable', {
              detail: `no connection within ${connectLimitMs} ms`,
            }),
          );
      });

      outgoing.on('error', broken);
      outgoing.on('socket', (socket) => {
        const connected = () => {
          sent = true;
        };
        if (outgoing.reusedSocket) connected();
        else socket.once(secure ? 'secureConnect' : 'connect', connected);
      });
      outgoing.on('response', (incoming) => {
        collect(incoming, maxReplyBytes).then(
          (body) =>
            settle(() =>
              resolve({
                status: incoming.statusCode ?? 0,
                headers: {
                  date: incoming.headers.date,
                  'content-type': incoming.headers['content-type'],
                  'retry-after': incoming.headers['retry-after'],
                },
                body,
                receivedAt: clock.monotonic(),
              }),
            ),
          (error: unknown) => (error instanceof LeaseholdError ? fail(error) : broken(error)),
        );
      });
      outgoing.end(request.body);
    });

  return { send, close: () => agent.destroy() };
}

async function collect(incoming: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLong = () =>
    new LeaseholdError('backend_reply_invalid', { detail: `reply above ${maxBytes} bytes` });
  if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) throw tooLong();
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of incoming) {
      // Without an encoding, a stream of bytes gives buffers.
      if (!Buffer.isBuffer(chunk)) throw new TypeError('the reply stream gave no bytes');
      chunks.push(chunk);
      size += chunk.byteLength;
      if (size > maxBytes) throw tooLong();
    }
    return Buffer.concat(chunks, size);
  } finally {
    for (const chunk of chunks) chunk.fill(0);
  }
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : 'unknown';
}
