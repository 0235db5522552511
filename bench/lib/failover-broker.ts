import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { importJWK } from 'jose';
import { openAudit } from '../../src/audit/open-audit.ts';
import { createMemoryBackend } from '../../src/backend/memory/memory-backend.ts';
import { startEngine } from '../../src/broker/start-engine.ts';
import { createClusters } from '../../src/identity/clusters.ts';
import { createLocalIssuer } from '../../src/identity/local-issuer.ts';
import { openPostgresLedger } from '../../src/ledger/postgres/postgres-ledger.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { Secret } from '../../src/platform/secret.ts';
import { createPolicyStore } from '../../src/policy/policy-store.ts';
import { createRpcServer } from '../../src/rpc/server.ts';
import type { BrokerReply, BrokerRequest } from './failover-messages.ts';

/** One of several brokers on a PostgreSQL: the whole broker, with a backend in its memory and a table of pods in place of a cluster. */

const policyText = `
bundles:
  db:
    tokenRole: leasehold-db
    ttl: 1h
    maxTtl: 24h
    outage: { mode: keep }
    secrets: { login: { leased: database/creds/app } }
    files: { username: { secret: login, field: username } }
grants:
  - name: all
    allow: [db]
    pods: { cluster: bench, namespace: ml }
`;

process.once('message', (message) => {
  // Sent by the benchmark itself.
  void serve(message as BrokerRequest);
});

async function importKey(jwk: BrokerRequest['publicKey']): Promise<CryptoKey> {
  const key = await importJWK(jwk, 'ES256', { extractable: true });
  if (key instanceof Uint8Array) throw new Error('not a key pair');
  return key;
}

async function serve(request: BrokerRequest): Promise<void> {
  const { folder } = request;
  const clock = systemClock;
  const log = silentLog;
  const signal = new AbortController().signal;
  const write = async (name: string, text: string) => {
    const file = join(folder, name);
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };
  const ledger = await openPostgresLedger({
    config: request.ledger,
    clock,
    log,
    random: Math.random,
    signal: AbortSignal.timeout(30_000),
  });
  const audit = await openAudit({
    file: join(folder, 'audit.log'),
    hmacKey: Secret.ofText('benchmark key of no worth'),
    maxWaitMs: 30_000,
    clock,
    log,
  });
  const policy = await createPolicyStore({
    file: await write('policy.yaml', policyText),
    clock,
    log,
    onReload: () => undefined,
  });
  const issuer = await createLocalIssuer({
    trust: {
      name: 'bench',
      issuer: 'https://bench.example',
      audience: 'leasehold',
      maxTokenSeconds: 3600,
      staleAfterSeconds: 60,
      lostAfterSeconds: 600,
    },
    clock,
    keys: {
      publicKey: await importKey(request.publicKey),
      privateKey: await importKey(request.privateKey),
    },
  });
  for (const uid of request.pods)
    issuer.addPod({ namespace: 'ml', name: uid, serviceAccount: 's', node: 'n', uid });
  const clusters = createClusters({
    trustDomain: 'bench.example',
    clusters: [],
    development: [issuer.source],
    clock,
    log,
    random: Math.random,
  });
  await clusters.ready(AbortSignal.timeout(10_000));
  const { engine } = await startEngine({
    ledger,
    backend: createMemoryBackend({ clock, dynamic: { 'database/creds/app': {} } }),
    policy,
    states: clusters.states,
    audit,
    clock,
    log,
    admission: { concurrency: 32, queue: 20_000, maxWaitMs: 60_000 },
    signal,
  });
  const tls = {
    certificate: await write('server.pem', request.certificate),
    key: await write('server-key.pem', request.key),
  };
  const listen = { host: '127.0.0.1', port: 0 };
  const rpc = await createRpcServer({
    workloads: {
      listen,
      tls,
      limits: {
        maxConnections: 20_000,
        maxStreamsPerConnection: 100,
        maxMessageBytes: 65_536,
        maxUnproved: 256,
        firstMessageMs: 60_000,
      },
    },
    admin: {
      listen,
      tls: { ...tls, clientCa: await write('ca.pem', request.ca) },
      clients: [{ name: 'bench', match: { commonName: 'bench' }, rights: ['view'] }],
    },
    trustDomain: 'bench.example',
    verifier: clusters.verifier,
    sessions: engine.sessions,
    sessionAdmin: engine.admin,
    audit,
    clock,
    log,
  });
  const answer = () => {
    const { issued, rotated, resumed } = engine.events.counters();
    process.send?.({ address: rpc.workloads, issued: issued + rotated, resumed } satisfies BrokerReply);
  };
  process.on('message', answer);
  answer();
}
