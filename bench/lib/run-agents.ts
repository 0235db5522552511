import { type Held, hold } from './hold.ts';
import type { AgentsReply, AgentsRequest } from './run-messages.ts';

/** A process of simulated node agents: each with a certificate and a connection of its own, all at once, holding what they get. */
const longestMs = 150_000;
/** Connections that are being made at a time; what more would only wait in the kernel. */
const atOnce = 1_000;
const kept: Held[] = [];

process.on('message', (message) => {
  // Sent by the benchmark itself.
  void come(message as AgentsRequest).then((reply) => process.send?.(reply));
});

async function come({ address, ca, nodes, reference }: AgentsRequest): Promise<AgentsReply> {
  const signal = AbortSignal.timeout(longestMs);
  const startedAt = performance.now();
  const redeemedMs: number[] = [];
  let refused = 0;
  const queue = nodes.values();
  const worker = async () => {
    for (const { certificate, key } of queue) {
      const endpoint = {
        address,
        ca: Buffer.from(ca),
        serverName: 'localhost',
        clientCertificate: { certificate: Buffer.from(certificate), key: Buffer.from(key) },
      };
      try {
        kept.push(await hold({ endpoint, token: reference, bundle: 'db', resume: undefined, signal }));
        redeemedMs.push(performance.now() - startedAt);
      } catch (error) {
        if (refused === 0) process.stderr.write(`an agent was refused: ${String(error)}\n`);
        refused += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, nodes.length) }, worker));
  return { redeemedMs, refused };
}
