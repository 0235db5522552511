import { startChild } from './lib/child.ts';
import type { ClientsReply } from './lib/messages.ts';
import { startServer } from './lib/server.ts';
import { type Benchmark, percentile } from './lib/result.ts';

/** Many clients at once over TLS, each with its own proof, durable record and first generation, beside a bare grpc-js stream server. */
export const storm: Benchmark = async ({ quick, say }) => {
  const clients = quick ? 200 : 1_000;
  say(`${clients} clients at once, bare server`);
  const bare = await round('bare', clients);
  say(`${clients} clients at once, broker`);
  const ours = await round('broker', clients);
  const p99 = percentile(ours.firstMs, 0.99);
  const bareP99 = percentile(bare.firstMs, 0.99);
  return [
    {
      figure: 'storm.first_generation_p50',
      value: percentile(ours.firstMs, 0.5),
      unit: 'ms',
      peer: { name: 'bare grpc-js', value: percentile(bare.firstMs, 0.5) },
    },
    {
      figure: 'storm.first_generation_p99',
      value: p99,
      unit: 'ms',
      peer: { name: 'bare grpc-js', value: bareP99 },
      goal: { text: 'at most 3 s, at most 2 times bare', met: p99 <= 3_000 && p99 <= 2 * bareP99 },
    },
    {
      figure: 'storm.refused',
      value: ours.refused,
      unit: '',
      goal: { text: 'none', met: ours.refused === 0 },
    },
  ];
};

/** Server and clients in processes of their own, on the same cores. */
export async function round(kind: 'bare' | 'broker', clients: number): Promise<ClientsReply> {
  await using server = await startServer(kind, clients);
  using load = startChild('clients.ts', []);
  const reply = load.next<ClientsReply>();
  load.send({ server: server.ready, atOnce: clients });
  return await reply;
}
