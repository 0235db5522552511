import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import type { Benchmark, BenchResult } from './lib/result.ts';

/** Loaded when named, so that one benchmark's modules do not weigh on another's memory. */
const benchmarks: Readonly<Record<string, () => Promise<Benchmark>>> = {
  'ledger-and-proof': async () => (await import('./ledger-and-proof.ts')).ledgerAndProof,
  'ledger-cost': async () => (await import('./ledger-cost.ts')).ledgerCost,
  'sidecar-memory': async () => (await import('./sidecar-memory.ts')).sidecarMemory,
  revoke: async () => (await import('./revoke.ts')).revoke,
  'pending-revocations': async () => (await import('./pending-revocations.ts')).pendingRevocations,
  'mass-revoke': async () => (await import('./mass-revoke.ts')).massRevoke,
  'database-down': async () => (await import('./database-down.ts')).databaseDown,
  throughput: async () => (await import('./throughput.ts')).throughput,
  'broker-memory': async () => (await import('./broker-memory.ts')).brokerMemory,
  failover: async () => (await import('./failover.ts')).failover,
  'node-agent': async () => (await import('./node-agent.ts')).nodeAgent,
  'run-registrations': async () => (await import('./run-registrations.ts')).runRegistrations,
  'run-nodes': async () => (await import('./run-nodes.ts')).runNodes,
  'slurm-jobs': async () => (await import('./slurm-jobs.ts')).slurmJobs,
  'slurm-ends': async () => (await import('./slurm-ends.ts')).slurmEnds,
  'slurm-outage': async () => (await import('./slurm-outage.ts')).slurmOutage,
  storm: async () => (await import('./storm.ts')).storm,
};

const usage = `usage: npm run bench -- [--only NAME[,NAME]] [--quick | --full] [--output table|json]

benchmarks: ${Object.keys(benchmarks).join(', ')}
`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    output: { type: 'string', default: 'table' },
    help: { type: 'boolean', default: false },
  },
});
const names = values.only?.split(',') ?? Object.keys(benchmarks);
const unknown = names.filter((name) => !(name in benchmarks));

if (values.help) process.stdout.write(usage);
else if (unknown.length > 0 || !['table', 'json'].includes(values.output)) {
  process.stderr.write(usage);
  process.exitCode = 2;
} else {
  for (const name of names) {
    const benchmark = await benchmarks[name]?.();
    const results =
      (await benchmark?.({
        quick: values.quick,
        full: values.full,
        say: (text) => process.stderr.write(`${name}: ${text}\n`),
      })) ?? [];
    const load = loadavg()[0] ?? 0;
    for (const result of results) {
      process.stdout.write(
        values.output === 'json' ? `${JSON.stringify({ ...result, load })}\n` : row(result),
      );
    }
  }
}

function row({ figure, value, unit, peer, goal }: BenchResult): string {
  const ratio =
    peer === undefined ? '' : `${(value / peer.value).toFixed(2)} of ${peer.name} ${short(peer.value)}`;
  const verdict = goal === undefined ? '' : `${goal.met ? 'met' : 'MISSED'}: ${goal.text}`;
  return `${figure.padEnd(40)} ${short(value).padStart(9)} ${unit.padEnd(6)} ${ratio.padEnd(44)} ${verdict}\n`;
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
