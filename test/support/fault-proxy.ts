import { once } from 'node:events';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Agent, createServer, request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';

/** What goes wrong with one request. */
export type Fault =
  /** Answered here; the server behind never sees it. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly body?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Done by the server, but its answer comes later. */
  | { readonly kind: 'late'; readonly ms: number }
  /** Done by the server; the connection breaks in the middle of its answer. */
  | { readonly kind: 'cut' }
  /** The connection breaks before the server has seen it. */
  | { readonly kind: 'drop' }
  /** Neither passed on nor answered; the connection breaks when the rule changes. */
  | { readonly kind: 'silence' };

export interface SeenRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** What it carried as `X-Vault-Token`. */
  readonly token: string | undefined;
  readonly fault: Fault['kind'] | undefined;
}

/** A way to an HTTP server on loopback that a test can spoil, for whoever goes by it and for nobody else. */
export interface FaultProxy extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  /** From now on; without a rule everything passes. */
  set(rule?: (request: Omit<SeenRequest, 'fault'>) => Fault | undefined): void;
  /** All requests so far, in the order of their arrival. */
  readonly seen: readonly SeenRequest[];
}

interface Answer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

const collect = async (message: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  // Without an encoding, a stream of bytes gives buffers.
  for await (const chunk of message) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  return Buffer.concat(chunks);
};

/** Hop-by-hop, or written anew by whoever sends. */
const own = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'host']);
const endToEnd = (headers: IncomingMessage['headers']) =>
  Object.fromEntries(
    Object.entries(headers).filter(([name, value]) => value !== undefined && !own.has(name)),
  );

/** Starts the proxy for the server at that URL. */
export const startFaultProxy = async (target: string): Promise<FaultProxy> => {
  const seen: SeenRequest[] = [];
  const silent = new Set<Socket>();
  const agent = new Agent({ keepAlive: true });
  const stopping = new AbortController();
  let rule: Parameters<FaultProxy['set']>[0];

  const ask = async (incoming: IncomingMessage, body: Buffer): Promise<Answer> => {
    const outgoing = httpRequest(`${target}${incoming.url ?? '/'}`, {
      agent,
      method: incoming.method ?? 'GET',
      headers: { ...endToEnd(incoming.headers), 'content-length': body.byteLength },
      signal: stopping.signal,
    });
    outgoing.end(body);
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
    return { status: reply.statusCode ?? 502, headers: endToEnd(reply.headers), body: await collect(reply) };
  };
  const send = (response: ServerResponse, { status, headers, body }: Answer) => {
    response.writeHead(status, { ...headers, 'content-length': body.byteLength });
    response.end(body);
  };

  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await collect(incoming);
    const token = incoming.headers['x-vault-token'];
    const asked = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      token: typeof token === 'string' ? token : undefined,
    };
    const fault = rule?.(asked);
    seen.push({ ...asked, fault: fault?.kind });
    switch (fault?.kind) {
      case 'answer':
        send(response, {
          status: fault.status,
          headers: { 'content-type': 'application/json', ...fault.headers },
          body: Buffer.from(fault.body ?? ''),
        });
        return;
      case 'drop':
        incoming.socket.destroy();
        return;
      case 'silence':
        silent.add(incoming.socket);
        return;
      case 'cut': {
        const answer = await ask(incoming, body);
        response.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.byteLength });
        const half = answer.body.subarray(0, Math.floor(answer.body.byteLength / 2));
        response.write(half, () => incoming.socket.destroy());
        return;
      }
      case 'late': {
        const answer = await ask(incoming, body);
        setTimeout(() => send(response, answer), fault.ms);
        return;
      }
      case undefined:
        send(response, await ask(incoming, body));
    }
  };

  const server = createServer((incoming, response) => {
    // Whoever goes away in the middle, on either side, takes this request with it and nothing else.
    response.on('error', () => undefined);
    serve(incoming, response).catch(() => incoming.socket.destroy());
  });
  server.listen({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  const breakSilent = () => {
    for (const socket of silent) socket.destroy();
    silent.clear();
  };
  return {
    address: `http://127.0.0.1:${address.port}`,
    set: (next) => {
      rule = next;
      breakSilent();
    },
    seen,
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      breakSilent();
      agent.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};
