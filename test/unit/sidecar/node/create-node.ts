import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type NodeAgent, startNodeAgent } from '../../../../sidecar/node/agent.ts';
import { type NodeAgentConfig, parseNodeAgentConfig } from '../../../../sidecar/node/config.ts';
import { systemClock } from '../../../../src/platform/clock.ts';
import { LeaseholdError } from '../../../../src/platform/error.ts';
import { silentLog } from '../../../../src/platform/log.ts';
import { encodeSigned } from '../../../../src/rpc/client/signed-matchers.ts';
import { dialHold } from '../../../../src/rpc/client/hold-client.ts';
import { askHook } from '../../../support/ask-hook.ts';
import type { createTestCa } from '../../../support/certificates.ts';
import { createAgelessCa, signedMatchers } from '../../../support/signed-matchers.ts';
import { createMemoryFolder } from '../memory-folder.ts';

const user = { uid: 12_345, gid: 12_346 };
const hour = 3_600_000;
const gpuOnly = { users: [], groups: [], partitions: ['gpu'], accounts: [], qos: [], nodes: [] };

/** A node, where nothing is but what a test puts there. */
export async function createNode({ address = '127.0.0.1:1', seconds = 8 } = {}) {
  const folder = await createMemoryFolder();
  const path = (name: string) => join(folder.path, name);
  const config: NodeAgentConfig = parseNodeAgentConfig(`
broker: { address: "${address}", ca: ${path('ca.pem')} }
certificate: ${path('tls.crt')}
key: ${path('tls.key')}
socket: ${path('agent.sock')}
files: { root: ${path('run')}, mount: never }
prolog: { seconds: ${seconds} }
`);
  const started: NodeAgent[] = [];
  return {
    path,
    start: async (): Promise<NodeAgent> => {
      const agent = await startNodeAgent({
        config,
        dial: dialHold,
        fetchMatchers: () => Promise.reject(new LeaseholdError('broker_unavailable')),
        tellUndelivered: () => Promise.reject(new LeaseholdError('broker_unavailable')),
        clock: systemClock,
        random: Math.random,
        log: silentLog,
        version: 'test',
      });
      started.push(agent);
      return agent;
    },
    /** As it ends when it is restarted. */
    stop: async () => {
      await Promise.all(started.splice(0).map((agent) => agent[Symbol.asyncDispose]()));
    },
    certify: async (
      ca: ReturnType<typeof createTestCa>,
      more: { readonly node?: string; readonly isExpired?: boolean } = {},
    ) => {
      const pair = ca.issueClient({
        commonName: 'node',
        uri: `spiffe://example/slurm/one/node/${more.node ?? 'n1'}`,
        ...(more.isExpired === true
          ? { notBefore: new Date(Date.now() - 72 * hour), notAfter: new Date(Date.now() - hour) }
          : {}),
      });
      await writeFile(path('ca.pem'), ca.certificate);
      await writeFile(path('tls.key'), pair.key, { mode: 0o600 });
      await writeFile(path('tls.crt'), pair.certificate);
    },
    tellMatchers: async (ca = createAgelessCa()) => {
      await mkdir(path('run'), { mode: 0o711 });
      const word = { ca, cluster: 'one', issuedAt: Date.now(), matchers: [gpuOnly] };
      await writeFile(path('ca.pem'), ca.certificate);
      await writeFile(path('run/matchers.json'), encodeSigned(signedMatchers(word)));
    },
    hook: (verb: string, more: Readonly<Record<string, string | number>> = {}) =>
      askHook(path('agent.sock'), verb, {
        SLURM_CLUSTER_NAME: 'one',
        SLURMD_NODENAME: 'n1',
        SLURM_JOB_ID: 7,
        SLURM_JOB_UID: user.uid,
        SLURM_JOB_GID: user.gid,
        SLURM_JOB_RESTART_COUNT: 0,
        SLURM_JOB_USER: 'u',
        SLURM_JOB_PARTITION: 'cpu',
        SLURM_JOB_ACCOUNT: 'physics',
        ...more,
      }),
    marker: () => readFile(path('run/jobs/7'), 'utf8'),
    [Symbol.asyncDispose]: async () => {
      for (const agent of started) await agent[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
