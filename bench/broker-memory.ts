import { memoryOf, rest, startChild } from './lib/child.ts';
import type { ClientsReply, ServerReady } from './lib/messages.ts';
import { startServer } from './lib/server.ts';
import type { Benchmark, BenchResult } from './lib/result.ts';

/** Connections that are gone leave their buffers a little later. */
const settleMs = 4_000;
const storms = 8;
/** Most that a session may cost above a stream of bare grpc-js. */
const allowedKib = 20;

interface Sizes {
  readonly first: number;
  /** After each of the storms. */
  readonly later: readonly number[];
  readonly refused: number;
}

/**
 * Anonymous memory of the broker for each idle session on a TLS connection of its own, after they came, and after they all came again
 * eight times, beside a bare grpc-js stream server. Both collect garbage before they are looked at, so that what counts is what is kept.
 */
export const brokerMemory: Benchmark = async ({ quick, say }) => {
  const results: BenchResult[] = [];
  for (const clients of quick ? [1_000] : [1_000, 5_000]) {
    const rounds = clients === 1_000 ? storms : 0;
    say(`${clients} idle streams, bare grpc-js`);
    const bare = await sizes('bare', clients, rounds);
    say(`${clients} idle sessions, broker`);
    const ours = await sizes('broker', clients, rounds);
    results.push(compare(`broker_memory.session_at_${clients}`, ours.first, bare.first), {
      figure: `broker_memory.refused_at_${clients}`,
      value: ours.refused,
      unit: '',
      goal: { text: 'none', met: ours.refused === 0 },
    });
    if (rounds === 0) continue;
    const [last, bareLast] = [ours.later.at(-1), bare.later.at(-1)];
    const middle = ours.later[storms / 2 - 1];
    if (last === undefined || bareLast === undefined || middle === undefined) continue;
    results.push(compare(`broker_memory.session_after_${storms}_storms`, last, bareLast), {
      figure: 'broker_memory.growth_storms_5_to_8',
      value: last - middle,
      unit: 'KiB',
      peer: { name: 'size after storm 4', value: middle },
      goal: { text: 'a plateau: at most a tenth', met: last - middle <= middle / 10 },
    });
  }
  return results;
};

function compare(figure: string, value: number, bare: number): BenchResult {
  return {
    figure,
    value,
    unit: 'KiB',
    peer: { name: 'bare grpc-js', value: bare },
    goal: { text: `at most ${allowedKib} KiB above bare`, met: value - bare <= allowedKib },
  };
}

async function sizes(kind: 'bare' | 'broker', clients: number, rounds: number): Promise<Sizes> {
  await using server = await startServer(kind, clients);
  const size = async () => {
    await rest(settleMs);
    await server.collect();
    return memoryOf(server.pid).anonymousKb;
  };
  const empty = await size();
  using load = startChild('clients.ts', []);
  const come = (request: { server?: ServerReady }) => {
    const reply = load.next<ClientsReply>();
    load.send({ ...request, atOnce: 1_000 });
    return reply;
  };
  let { refused } = await come({ server: server.ready });
  const each = async () => ((await size()) - empty) / clients;
  const first = await each();
  const later: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    refused += (await come({})).refused;
    later.push(await each());
  }
  return { first, later, refused };
}
