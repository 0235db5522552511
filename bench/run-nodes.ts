import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { aBundle, applySetup, brokerToken, leased } from '../test/integration/backend/vault-world.ts';
import { startVaultWithPostgres } from '../test/support/parts/vault-with-postgres.ts';
import { missingReasons } from '../test/support/require.ts';
import { createTempFolder } from '../test/support/temp-folder.ts';
import { rest, startChild } from './lib/child.ts';
import { type Benchmark, percentile } from './lib/result.ts';
import {
  type AgentsReply,
  probationSeconds,
  type RunServerReady,
  type RunServerSizes,
} from './lib/run-messages.ts';
import { prepareSigner, registerRun } from './lib/run-signer.ts';

const goalMs = 60_000;
/** Buffers of handshakes are gone a little later. */
const settleMs = 4_000;

/**
 * One run on very many nodes: registered with all their names, redeemed by an agent for each over mutual TLS with a certificate of its own, beside
 * a bare grpc-js stream server that as many agents come to. The broker's backend is a real Vault with its PostgreSQL.
 */
export const runNodes: Benchmark = async ({ quick, say }) => {
  const lacking = (['vault', 'postgres'] as const).flatMap(missingReasons);
  if (lacking.length > 0) {
    say(`left out: ${lacking.join('; ')}`);
    return [];
  }
  const nodes = quick ? 1_000 : 10_000;
  await using folder = await createTempFolder({ name: 'bench-run-nodes' });
  await using parts = await startVaultWithPostgres({ defaultTtl: `${probationSeconds}s` });
  const policy = 'leasehold-broker';
  await applySetup(parts, {
    probationSeconds,
    brokerPolicyName: policy,
    bundles: [aBundle('db', [leased])],
  });
  const tokenFile = join(folder.path, 'token');
  await writeFile(tokenFile, await brokerToken(parts, policy), { mode: 0o600 });
  say(`${nodes} agents, bare grpc-js`);
  const bare = await round(['bare', String(nodes)]);
  say(`${nodes} agents of one run, broker and Vault`);
  const ours = await round(['broker', String(nodes), parts.vault.address, tokenFile]);
  const made = (await parts.issuedUsers()).length;
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
      value: made,
      unit: '',
      goal: { text: 'one', met: made === 1 && ours.sizes.issued === 1 && ours.sizes.sessions === 1 },
    },
    {
      figure: 'run_nodes.broker_memory_per_agent',
      value: kib,
      unit: 'KiB',
      peer: { name: 'bare grpc-js', value: bare.kibPerAgent },
    },
  ];
};

async function round(args: readonly ['bare' | 'broker', string, ...string[]]) {
  using building = new DisposableStack();
  const server = building.use(startChild('run-server-process.ts', args, ['--expose-gc']));
  const ready = await server.next<RunServerReady>();
  const sizes = async () => {
    const answer = server.next<RunServerSizes>();
    server.send({ ask: 'sizes' });
    return answer;
  };
  if (args[0] === 'broker') {
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
  return { reply, sizes: full, kibPerAgent: (full.anonymousKb - empty.anonymousKb) / ready.nodes.length };
}
