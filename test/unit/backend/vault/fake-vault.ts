import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request that arrived. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type Answer = (response: ServerResponse, request: SeenRequest) => void;

/** A server on loopback that answers as the test says; the broker's login works unless the test says otherwise. */
export interface FakeVault extends AsyncDisposable {
  readonly address: string;
  readonly seen: readonly SeenRequest[];
  /** Paths of the requests that were not about the broker's own token. */
  work(): readonly string[];
  /** Answers a path (without `/v1/`), or everything that has no answer of its own under `*`. */
  on(path: string, answer: Answer): void;
}

/** Plain JSON, as Vault writes it. */
export const json =
  (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(status === 204 ? undefined : JSON.stringify(body));
  };

export const errors = (status: number, ...texts: readonly string[]): Answer =>
  json(status, { errors: texts });

/** The broker's own token, good for an hour. */
export const goodSelf = json(200, { data: { ttl: 3600, renewable: true, policies: ['leasehold-broker'] } });

/** A reply that passes the check of a new token. */
export const goodToken = {
  client_token: 'hvs.session-token-canary',
  accessor: 'accessor-1',
  policies: ['leasehold-app-read'],
  token_policies: ['leasehold-app-read'],
  metadata: { intent: 'i' },
  lease_duration: 60,
  renewable: true,
  entity_id: '',
  token_type: 'service',
  orphan: true,
  num_uses: 0,
};

/** Starts one. */
export async function startFakeVault(): Promise<FakeVault> {
  const seen: SeenRequest[] = [];
  const answers = new Map<string, Answer>([['auth/token/lookup-self', goodSelf]]);
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const request = {
        method: incoming.method ?? '',
        url: incoming.url ?? '',
        headers: incoming.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      };
      seen.push(request);
      const path = request.url.replace(/^\/v1\//, '').replace(/\?.*$/, '');
      const answer = answers.get(path) ?? answers.get('*') ?? errors(404);
      answer(response, request);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A listening TCP server has an address with a port.
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}`,
    seen,
    work: () => seen.map(({ url }) => url).filter((url) => !/-self$|\/login$/.test(url)),
    on: (path, answer) => void answers.set(path, answer),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
