import { once } from 'node:events';
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { LeaseholdError } from '../../../../src/platform/error.ts';
import { frame } from '../../../../src/rpc/client/hold-framing.ts';
import { callOnce } from '../../../../src/rpc/client/unary-call.ts';
import { createTestCa } from '../../../support/certificates.ts';

const authority = createTestCa();
const { certificate, key } = authority.issueServer();

/** A peer that meets each call in this way, and what one call to it came to: the answer's text, or a code. */
async function call(
  meet: (stream: ServerHttp2Stream) => void,
  more: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<string> {
  const server = createSecureServer({ cert: certificate, key });
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined);
    meet(stream);
  });
  server.on('sessionError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const answer = await callOnce({
      endpoint: {
        address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
        ca: Buffer.from(authority.certificate),
      },
      method: '/a.B/C',
      request: Buffer.from('question'),
      timeoutMs: more.timeoutMs ?? 10_000,
      signal: more.signal ?? new AbortController().signal,
    });
    return Buffer.from(answer).toString();
  } catch (error) {
    return LeaseholdError.from(error).code;
  } finally {
    server.close();
  }
}

/** Answers with these bytes, and then with these trailers. */
const answer =
  (bytes: Uint8Array, trailers: Readonly<Record<string, string>>) => (stream: ServerHttp2Stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.end(bytes);
  };

describe('one call', () => {
  it('asks once and gives back the answer', async () => {
    const asked: Buffer[] = [];
    const told = await call((stream) => {
      stream.on('data', (chunk: Buffer) => asked.push(chunk));
      stream.on('end', () => answer(frame(Buffer.from('answer')), { 'grpc-status': '0' })(stream));
    });
    expect(told).toBe('answer');
    expect(Buffer.concat(asked)).toEqual(frame(Buffer.from('question')));
  });

  it.for<[string, (stream: ServerHttp2Stream) => void, string]>([
    ['a refusal', answer(Buffer.alloc(0), { 'grpc-status': '7', 'leasehold-code': 'locked' }), 'locked'],
    [
      'a refusal in place of headers',
      (stream) =>
        stream.respond(
          { ':status': 200, 'grpc-status': '7', 'leasehold-code': 'overloaded' },
          { endStream: true },
        ),
      'overloaded',
    ],
    [
      'a code of nobody',
      answer(Buffer.alloc(0), { 'grpc-status': '7', 'leasehold-code': 'x' }),
      'broker_unavailable',
    ],
    ['success without an answer', answer(Buffer.alloc(0), { 'grpc-status': '0' }), 'broker_unavailable'],
    [
      'half an answer',
      answer(frame(Buffer.from('answer')).subarray(0, 7), { 'grpc-status': '0' }),
      'broker_unavailable',
    ],
    ['an answer without trailers', answer(frame(Buffer.from('answer')), {}), 'broker_unavailable'],
    [
      'an answer that is compressed',
      answer(Buffer.from([1, 0, 0, 0, 1, 0]), { 'grpc-status': '0' }),
      'internal',
    ],
    ['an answer of 4 GiB', answer(Buffer.from([0, 255, 255, 255, 255]), { 'grpc-status': '0' }), 'internal'],
    [
      'another protocol',
      (stream) => stream.respond({ ':status': 404 }, { endStream: true }),
      'broker_unavailable',
    ],
    ['a stream that is reset', (stream) => stream.close(8), 'broker_unavailable'],
    ['a connection that is cut', (stream) => stream.session?.destroy(), 'broker_unavailable'],
  ])('comes to a code for %s', async ([, meet, code]) => {
    expect(await call(meet)).toBe(code);
  });

  it('does not wait for a silent peer, nor when nobody wants the answer any more', async () => {
    expect(await call(() => undefined, { timeoutMs: 2_000 })).toBe('deadline_exceeded');
    const stop = new AbortController();
    expect(await call(() => stop.abort(), { signal: stop.signal })).toBe('cancelled');
    expect(await call(() => undefined, { signal: AbortSignal.abort() })).toBe('cancelled');
  });
});
