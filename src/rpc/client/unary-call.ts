import { connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { LeaseholdError } from '../../platform/error.ts';
import { connectSocket, lost } from './connect-socket.ts';
import type { BrokerEndpoint } from './endpoint.ts';
import { createUnframer, frame } from './hold-framing.ts';
import { codeKey, retryAfterKey, trailerError } from './trailers.ts';

/**
 * One gRPC call on a connection of its own, for programs that make one now and then and cannot afford a gRPC library. Rejects with a code of the
 * broker's, or `broker_unavailable`, `config_invalid`, `deadline_exceeded`, `internal` or `cancelled`.
 */
export async function callOnce(options: {
  readonly endpoint: BrokerEndpoint;
  /** `/package.Service/Method` */
  readonly method: string;
  readonly request: Uint8Array;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}): Promise<Uint8Array> {
  const { endpoint, method, request, timeoutMs } = options;
  const deadline = AbortSignal.timeout(timeoutMs);
  const stop = AbortSignal.any([options.signal, deadline]);
  const socket = await connectSocket(endpoint, timeoutMs, options.signal);
  const session = connect(`https://${endpoint.address}`, {
    createConnection: () => socket,
    settings: { enablePush: false },
  });
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const cut = () => reject(lost('the connection was cut'));
  const onStop = () => reject(new LeaseholdError(deadline.aborted ? 'deadline_exceeded' : 'cancelled'));
  session.on('error', cut).on('close', cut);
  stop.addEventListener('abort', onStop, { once: true });
  try {
    if (stop.aborted) onStop();
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: method,
      [constants.HTTP2_HEADER_AUTHORITY]: endpoint.serverName ?? endpoint.address,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      [constants.HTTP2_HEADER_TE]: 'trailers',
    });
    let trailers: IncomingHttpHeaders | undefined;
    let answer: Uint8Array | undefined;
    const unframe = createUnframer((message) => (answer = Uint8Array.from(message)));
    stream.on('response', (headers) => {
      // A call that fails at once has its trailers in the place of its headers.
      if (headers['grpc-status'] !== undefined) trailers = headers;
      else if (headers[':status'] !== 200) reject(lost('the peer is not a gRPC server'));
    });
    stream.on('trailers', (received) => (trailers = received));
    stream.on('data', (chunk: Buffer) => {
      try {
        unframe(chunk);
      } catch (error) {
        reject(LeaseholdError.from(error));
      }
    });
    stream.on('end', () => {
      if (trailers?.['grpc-status'] === '0' && answer !== undefined) resolve(answer);
      else
        reject(
          trailerError(
            { code: trailers?.[codeKey], retryAfter: trailers?.[retryAfterKey] },
            { code: 'broker_unavailable', detail: 'the call ended without a code of ours' },
          ),
        );
    });
    stream.on('error', cut).on('close', cut);
    stream.end(frame(request));
    return await promise;
  } finally {
    stop.removeEventListener('abort', onStop);
    session.destroy();
  }
}
