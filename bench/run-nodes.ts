import { rest, startChild } from './lib/child.ts';
import { type Benchmark, percentile } from './lib/result.ts';
import type { AgentsReply, RunServerReady, RunServerSizes } from './lib/run-messages.ts';
import { prepareSigner, registerRun } from './lib/run-signer.ts';

const goalMs = 60_000;
/** Buffers of handshakes are gone a little later. */
const settleMs = 4_000;

/**
 * One run on very many nodes: registered with all their names, redeemed by an agent for each over mutual TLS with a certificate of its own, beside
 * a bare grpc-js stream server that as many agents come to. The backend is in memory: it makes one lease set, whoever it is.
 */
export const runNodes: Benchmark = async ({ quick, say }) => {
  const nodes = quick ? 1_000 : 10_000;
  say(`${nodes} agents, bare grpc-js`);
  const bare = await round('bare', nodes);
  say(`${nodes} agents of one run, broker`);
  const ours = await round('broker', nodes);
  const all = Math.max(...ours.reply.redeemedMs);
  const kib = ours.kibPerAgent;
  return [
    {
      figure: `run_nodes.all_${nodes}_redeemed`,
      value: all / 1000,
      unit: 's',
      peer: { name: 'bare grpc-js', value: Math.max(...bare.reply.redeemedMs) / 1000 },
      goal: { text: 'at most 60 s', met: all <= goalMs && ours.reply.redeemedMs.length === nodes },
    },
    {
      figure: 'run_nodes.redeemed_p50',
      value: percentile(ours.reply.redeemedMs, 0.5) / 1000,
      unit: 's',
      peer: { name: 'bare grpc-js', value: percentile(bare.reply.redeemedMs, 0.5) / 1000 },
    },
    {
      figure: 'run_nodes.refused',
      value: ours.reply.refused,
      unit: '',
      goal: { text: 'none', met: ours.reply.refused === 0 },
    },
    {
      figure: 'run_nodes.lease_sets',
      value: ours.sizes.credentials,
      unit: '',
      goal: { text: 'one', met: ours.sizes.credentials === 1 && ours.sizes.sessions === 1 },
    },
    {
      figure: 'run_nodes.broker_memory_per_agent',
      value: kib,
      unit: 'KiB',
      peer: { name: 'bare grpc-js', value: bare.kibPerAgent },
    },
  ];
};

async function round(kind: 'bare' | 'broker', nodes: number) {
  using building = new DisposableStack();
  const server = building.use(startChild('run-server-process.ts', [kind, String(nodes)], ['--expose-gc']));
  const ready = await server.next<RunServerReady>();
  const sizes = async () => {
    const answer = server.next<RunServerSizes>();
    server.send({ ask: 'sizes' });
    return answer;
  };
  if (kind === 'broker') {
    const signer = await prepareSigner(ready);
    building.use(signer.broker);
    await registerRun(signer, { jobId: 12, nodes: ready.nodes.map((_, index) => `n${index}`) });
  }
  await rest(settleMs);
  const empty = await sizes();
  using agents = startChild('run-agents.ts', [], ['--max-old-space-size=6144']);
  const answer = agents.next<AgentsReply>();
  agents.send({ ...ready, reference: JSON.stringify({ job: 12, uid: 20_001 }) });
  const reply = await answer;
  await rest(settleMs);
  const full = await sizes();
  return { reply, sizes: full, kibPerAgent: (full.anonymousKb - empty.anonymousKb) / nodes };
}
