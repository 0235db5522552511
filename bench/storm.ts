import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { type Benchmark, percentile } from './lib/result.ts';

interface Round {
  readonly firstMs: readonly number[];
  readonly refused: number;
}

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
async function round(kind: 'bare' | 'broker', clients: number): Promise<Round> {
  const server = fork(join(import.meta.dirname, 'lib', 'storm-server.ts'), [kind, String(clients)]);
  try {
    const ready = await message<{ address: string; ca: string; tokens: readonly string[] }>(server);
    const load = fork(join(import.meta.dirname, 'lib', 'storm-clients.ts'), []);
    try {
      load.send(ready);
      return await message<Round>(load);
    } finally {
      load.kill('SIGKILL');
    }
  } finally {
    server.kill('SIGKILL');
  }
}

const longestRoundMs = 120_000;

function message<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('a benchmark process is silent')), longestRoundMs);
    child.once('message', (value) => {
      clearTimeout(timer);
      // Both ends are this benchmark.
      resolve(value as T);
    });
    child.once('exit', () => {
      clearTimeout(timer);
      reject(new Error('a benchmark process ended early'));
    });
  });
}
