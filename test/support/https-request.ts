import { request } from 'node:https';
import type { KeyAndCertificate } from './certificates.ts';

const DEADLINE_MS = 60_000;

export interface HttpsReply {
  readonly status: number;
  readonly text: string;
}

/** One request with a private authority and, where given, a client certificate, neither of which `fetch` can carry. */
export const httpsRequest = (options: {
  readonly url: string;
  readonly method?: string;
  /** Sent as JSON, with this content type. */
  readonly body?: unknown;
  readonly contentType?: string;
  readonly ca: string;
  readonly client?: KeyAndCertificate;
}): Promise<HttpsReply> =>
  new Promise((resolve, reject) => {
    const { url, ca, client, body, method = 'GET', contentType = 'application/json' } = options;
    const outgoing = request(
      url,
      {
        method,
        ca,
        // No pool: nothing stays open when the test ends.
        agent: false,
        signal: AbortSignal.timeout(DEADLINE_MS),
        headers: body === undefined ? {} : { 'Content-Type': contentType },
        ...(client === undefined ? {} : { cert: client.certificate, key: client.key }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
