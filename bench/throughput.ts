import { createSecureContext } from 'node:tls';
import { ChannelCredentials } from '@grpc/grpc-js';
import { readFile } from 'node:fs/promises';
import { randomId } from '../src/platform/random-id.ts';
import type { HoldResponse__Output } from '../src/rpc/gen/leasehold/v1/HoldResponse.ts';
import { loadWorkloadApi } from '../src/rpc/proto.ts';
import { startSite, type Site } from '../test/e2e/site.ts';
import { audience } from '../test/e2e/site-files.ts';
import { textAt } from '../test/support/json.ts';
import { vaultPaths } from '../test/support/parts/vault-with-postgres.ts';
import { missingReasons } from '../test/support/require.ts';
import type { Benchmark } from './lib/result.ts';

const inFlight = 16;

/**
 * Proof, decision and first generation, per second, of a bundle with a database credential and a KV secret, and of one with the KV secret alone,
 * beside what a workload would do without a broker on the same Vault and API server: Vault's own Kubernetes login and the same reads.
 */
export const throughput: Benchmark = async ({ quick, say }) => {
  const lacking = (['vault', 'postgres', 'kubernetes'] as const).flatMap(missingReasons);
  if (lacking.length > 0) {
    say(`left out: ${lacking.join('; ')}`);
    return [];
  }
  const count = quick ? 100 : 600;
  say('starting two clusters, Vault, PostgreSQL and the broker');
  // Every session stays held, so that its holder's leaving is not measured with it.
  await using site = await startSite({ limits: { maxStreamsPerConnection: 1_000 } });
  say(`making ${count} pods`);
  const tokens: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const pod = await site.one.createPod({ namespace: 'shop', name: `p-${index}`, serviceAccount: 'app' });
    tokens.push(await site.one.createBoundToken({ ...pod, audience, expirationSeconds: 3600 }));
  }
  await setUpKubernetesAuth(site);
  say('Vault by itself: login, credential, KV');
  const direct = await perSecond(tokens, async (token) => {
    const { vault } = site.parts;
    const login = await vault.call('POST', 'auth/kubernetes/login', { role: 'bench', jwt: token });
    const own = textAt(login, 'auth', 'client_token');
    await ok(vault.request('GET', vaultPaths.credentials, undefined, own));
    await ok(vault.request('GET', `${vaultPaths.kvMount}/data/${vaultPaths.exampleSecret}`, undefined, own));
  });
  say('Vault by itself: login, KV');
  const directStatic = await perSecond(tokens, async (token) => {
    const { vault } = site.parts;
    const login = await vault.call('POST', 'auth/kubernetes/login', { role: 'bench', jwt: token });
    const own = textAt(login, 'auth', 'client_token');
    await ok(vault.request('GET', `${vaultPaths.kvMount}/data/${vaultPaths.exampleSecret}`, undefined, own));
  });
  say('through the broker');
  const ca = await readFile(site.files.ca);
  const clients = Array.from(
    { length: inFlight },
    () =>
      new (loadWorkloadApi().leasehold.v1.WorkloadService)(
        site.files.workloads,
        ChannelCredentials.createFromSecureContext(createSecureContext({ ca, minVersion: 'TLSv1.3' })),
        {
          'grpc.ssl_target_name_override': 'localhost',
          'grpc.enable_channelz': 0,
          // One connection for each client: the broker limits the streams of one.
          'grpc.use_local_subchannel_pool': 1,
        },
      ),
  );
  let turn = 0;
  const firstGeneration = (token: string, bundle: string) =>
    new Promise<void>((resolve, reject) => {
      turn += 1;
      const call = clients[turn % inFlight]?.hold();
      if (call === undefined) return;
      call.on('error', reject);
      call.on('data', (message: HoldResponse__Output) => {
        if (message.message === 'generation') resolve();
        if (message.message === 'refused') reject(new Error(message.refused?.code));
      });
      call.write({ hello: { credential: Buffer.from(token), agent: 'bench' } });
      call.write({ open: { bundle, requestKey: randomId('req_') } });
    });
  const brokered = await perSecond(tokens, (token) => firstGeneration(token, 'app'));
  say('static secrets, through the broker');
  const brokeredStatic = await perSecond(tokens, (token) => firstGeneration(token, 'static'));
  for (const client of clients) client.close();
  return [
    {
      figure: 'throughput.sessions_with_database_credential',
      value: brokered,
      unit: '/s',
      peer: { name: 'Vault login + credential + KV', value: direct },
      goal: { text: 'at least 0.9', met: brokered / direct >= 0.9 },
    },
    {
      figure: 'throughput.sessions_of_static_secrets',
      value: brokeredStatic,
      unit: '/s',
      peer: { name: 'Vault login + KV', value: directStatic },
      goal: { text: 'at least 2 times', met: brokeredStatic / directStatic >= 2 },
    },
  ];
};

async function setUpKubernetesAuth({ parts: { vault }, one }: Site): Promise<void> {
  await vault.call('POST', 'sys/auth/kubernetes', { type: 'kubernetes' });
  await vault.call('POST', 'auth/kubernetes/config', {
    kubernetes_host: one.server,
    kubernetes_ca_cert: one.ca,
    disable_local_ca_jwt: true,
    token_reviewer_jwt: await reviewerToken(one),
  });
  await vault.call('PUT', 'sys/policies/acl/bench', {
    policy: `path "${vaultPaths.credentials}" { capabilities = ["read"] }\npath "${vaultPaths.kvMount}/data/*" { capabilities = ["read"] }`,
  });
  await vault.call('POST', 'auth/kubernetes/role/bench', {
    bound_service_account_names: ['app'],
    bound_service_account_namespaces: ['shop'],
    audience,
    token_policies: ['bench'],
    token_ttl: '1h',
  });
}

/** A service account that may review tokens. */
async function reviewerToken(cluster: Site['one']): Promise<string> {
  await cluster.createServiceAccount('shop', 'reviewer');
  await cluster.call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'bench-reviewer' },
    roleRef: {
      apiGroup: 'rbac.authorization.k8s.io',
      kind: 'ClusterRole',
      name: 'system:auth-delegator',
    },
    subjects: [{ kind: 'ServiceAccount', name: 'reviewer', namespace: 'shop' }],
  });
  const answer = await cluster.call('POST', '/api/v1/namespaces/shop/serviceaccounts/reviewer/token', {
    spec: { expirationSeconds: 3600 },
  });
  return textAt(answer, 'status', 'token');
}

async function ok(answer: Promise<{ readonly status: number }>): Promise<void> {
  const { status } = await answer;
  if (status !== 200) throw new Error(`Vault answered ${status}`);
}

async function perSecond(tokens: readonly string[], task: (token: string) => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  let next = 0;
  const worker = async () => {
    for (;;) {
      const token = tokens[next];
      next += 1;
      if (token === undefined) return;
      await task(token);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return tokens.length / ((performance.now() - startedAt) / 1000);
}
