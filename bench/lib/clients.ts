import { type Held, hold } from './hold.ts';
import type { ClientsReply, ClientsRequest, ServerReady } from './messages.ts';

/**
 * A process of clients: each with a connection of its own, they come (back) together, show their tokens and hold what they get until
 * they are told to come again.
 */
const longestRoundMs = 100_000;
let clients: { readonly token: string; held: Held | undefined }[] = [];
let server: ServerReady | undefined;

process.on('message', (message) => {
  // Sent by the benchmark itself.
  const request = message as ClientsRequest;
  if (request.server !== undefined) {
    server = request.server;
    clients = request.server.tokens.map((token) => ({ token, held: undefined }));
  }
  void come(request.atOnce).then((reply) => process.send?.(reply));
});

async function come(atOnce: number): Promise<ClientsReply> {
  if (server === undefined) throw new Error('the clients were not told of a server');
  const endpoint = { address: server.address, ca: Buffer.from(server.ca), serverName: 'localhost' };
  const signal = AbortSignal.timeout(longestRoundMs);
  for (const { held } of clients) held?.close();
  const startedAt = performance.now();
  const firstMs: number[] = [];
  let refused = 0;
  let next = 0;
  const worker = async () => {
    for (;;) {
      const client = clients[next];
      next += 1;
      if (client === undefined) return;
      try {
        const { token, held: resume } = client;
        client.held = await hold({ endpoint, token, bundle: 'static', resume, signal });
        firstMs.push(performance.now() - startedAt);
      } catch {
        client.held = undefined;
        refused += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, clients.length) }, worker));
  return { firstMs, refused };
}
