import http from 'node:http';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { LeaseholdError } from '../platform/error.ts';

/*
 * GET over node:https. Not fetch: that follows redirects, and a redirect could send our credentials, or our trust in the
 * reply, to an address that nobody configured. Here every status but 200 is an answer and nothing more.
 */

/** TLS and header options of one request; certificates are always verified. */
export type GetOptions = Pick<
  https.RequestOptions,
  'agent' | 'auth' | 'ca' | 'cert' | 'key' | 'passphrase' | 'pfx' | 'servername' | 'headers'
>;

/**
 * Sends the request and resolves with the response once its headers are in; the body is the caller's to read or destroy.
 * Aborting the signal at any time destroys the connection. Throws `identity_unavailable`.
 */
export async function openGet(url: URL, options: GetOptions, signal: AbortSignal): Promise<IncomingMessage> {
  const client = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const request = client.request(url, {
      ...options,
      // Whatever NODE_TLS_REJECT_UNAUTHORIZED or a kubeconfig says.
      rejectUnauthorized: true,
      signal,
    });
    request.once('response', (response) => {
      // Without a listener, a connection that breaks while the body is read would be an uncaught exception.
      response.on('error', () => undefined);
      resolve(response);
    });
    request.on('error', (cause) => {
      reject(new LeaseholdError('identity_unavailable', { detail: 'request failed', cause }));
    });
    request.end();
  });
}

/** The whole body, or `identity_unavailable` when it is larger than `maxBytes` or breaks off. */
export async function readBody(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // Raw bytes: no encoding is set on a response that `openGet` returns.
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.byteLength;
      if (size > maxBytes) throw new LeaseholdError('identity_unavailable', { detail: 'reply too large' });
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof LeaseholdError) throw error;
    throw new LeaseholdError('identity_unavailable', { detail: 'reply broke off', cause: error });
  } finally {
    response.destroy();
  }
  return Buffer.concat(chunks);
}
