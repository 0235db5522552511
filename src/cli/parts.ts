import type { CommandText } from './spec.ts';

const configFile = { kind: 'text', required: true, value: 'FILE' } as const;

/** The long-running parts and the demo: they read their own command lines, this is what help and completion say. */
export const parts: readonly CommandText[] = [
  {
    name: 'demo',
    summary: 'show everything on this machine in under a minute',
    details: [
      'Starts a broker, a sidecar and a small issuer in place of a cluster, on loopback, and ends them again. Nothing is kept.',
      'The secrets come from a backend in memory, or from a Vault or OpenBao with a PostgreSQL, which the demo starts and ends too: programs in the folder LEASEHOLD_TOOLS_DIR or on PATH, or built by `npm run tools`.',
    ],
    arguments: {},
    options: {
      slurm: {
        kind: 'switch',
        help: 'show a job on a Slurm of two nodes in place of a pod, with a Vault; needs root and an installed Slurm',
      },
      backend: {
        kind: 'choice',
        value: 'BACKEND',
        help: 'where the secrets come from',
        choices: ['memory', 'vault'],
        default: 'memory',
      },
      output: {
        kind: 'choice',
        value: 'FORMAT',
        help: 'text for people, or json: one object on each line',
        choices: ['text', 'json'],
        default: 'text',
      },
    },
    examples: [
      'leasehold demo',
      'leasehold demo --backend vault',
      'leasehold demo --slurm',
      'leasehold demo --output json',
    ],
  },
  {
    name: 'broker',
    summary: 'run the broker',
    details: ['Verifies workloads, issues and takes back their secrets. Goes down gracefully on SIGTERM.'],
    arguments: {},
    options: {
      config: { ...configFile, help: 'broker.yaml' },
      check: { kind: 'switch', help: 'validate it and every file it names, and stop' },
    },
    examples: [
      'leasehold broker --config /etc/leasehold/broker/broker.yaml --check',
      'leasehold broker --config /etc/leasehold/broker/broker.yaml',
    ],
  },
  {
    name: 'sidecar',
    summary: 'run the sidecar of one pod',
    details: ["Shows the pod's token, holds its bundles, and writes them as files on a memory filesystem."],
    arguments: {},
    options: {
      config: { ...configFile, help: 'sidecar.yaml' },
      check: { kind: 'switch', help: 'validate it and stop' },
      once: { kind: 'switch', help: 'write the files once and end; for static bundles only' },
    },
    examples: ['leasehold sidecar --config /etc/leasehold/sidecar.yaml'],
  },
  {
    name: 'node-agent',
    summary: 'run the agent of one compute node',
    details: [
      'Answers the prolog and epilog of a batch scheduler, holds the bundles of every run on the node, and writes them as files of the user of the job on a memory filesystem. Needs root. Goes down on SIGTERM and leaves the files.',
    ],
    arguments: {},
    options: {
      config: { ...configFile, help: 'node-agent.yaml' },
      check: { kind: 'switch', help: 'validate it and the certificate it names, and stop' },
      wait: {
        kind: 'switch',
        help: 'wait until the agent of this configuration answers hooks, a minute at most, and stop',
      },
    },
    examples: [
      'leasehold node-agent --config /etc/leasehold/node-agent.yaml --check',
      'leasehold node-agent --config /etc/leasehold/node-agent.yaml',
    ],
  },
  {
    name: 'signer',
    summary: 'run the signer of one Slurm controller',
    details: [
      'Says which runs there are: takes what the hooks of slurmctld tell it, asks squeue, signs, and registers each run at the broker.',
    ],
    arguments: {},
    options: {
      config: { ...configFile, help: 'signer.yaml' },
      check: { kind: 'switch', help: 'validate it and the keys it names, and stop' },
      keys: { kind: 'switch', help: 'print the public keys as a JWK set, for the broker, and stop' },
    },
    examples: [
      'leasehold signer --config /etc/leasehold/signer.yaml --check',
      'leasehold signer --config /etc/leasehold/signer.yaml --keys',
    ],
  },
];
