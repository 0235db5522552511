import { createServer } from 'node:tls';
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { openAudit } from '../../src/audit/open-audit.ts';
import { createMemoryBackend } from '../../src/backend/memory/memory-backend.ts';
import { startEngine } from '../../src/broker/start-engine.ts';
import { createAuthority } from '../../src/demo/authority/certificates.ts';
import { createClusters } from '../../src/identity/clusters.ts';
import { createLocalIssuer } from '../../src/identity/local-issuer.ts';
import { openSqliteLedger } from '../../src/ledger/sqlite/sqlite-ledger.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { Secret } from '../../src/platform/secret.ts';
import { createPolicyStore } from '../../src/policy/policy-store.ts';
import { loadWorkloadApi } from '../../src/rpc/proto.ts';
import type { HoldRequest__Output } from '../../src/rpc/gen/leasehold/v1/HoldRequest.ts';
import type { HoldResponse } from '../../src/rpc/gen/leasehold/v1/HoldResponse.ts';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { createRpcServer } from '../../src/rpc/server.ts';
import type { ServerReady } from './messages.ts';

/** Arguments: which server, how many clients will come, where its files go. */
const [kind, count, folder = ''] = process.argv.slice(2);
const clients = Number(count);
const authority = createAuthority();
const certificate = authority.issueServer();

if (kind === 'bare') await serveBare();
else await serveBroker();

function answer(address: string, tokens: readonly string[]): void {
  const ready: ServerReady = { address, ca: authority.certificate, tokens };
  process.send?.(ready);
}

// The one thing that it is asked: to have no garbage when it is looked at.
process.on('message', () => {
  globalThis.gc?.();
  process.send?.({ collected: true });
});

async function serveBare(): Promise<void> {
  const server = new Server({ 'grpc.enable_channelz': 0 });
  server.addService(loadWorkloadApi().leasehold.v1.WorkloadService.service, {
    Hold: (call: ServerDuplexStream<HoldRequest__Output, HoldResponse>) => {
      call.on('data', (request: HoldRequest__Output) => {
        if (request.message === 'open')
          call.write({ generation: { sessionId: 's', generationId: 'g', number: 1 } });
      });
      call.on('end', () => call.end());
    },
  });
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const tls = createServer(
    { cert: certificate.certificate, key: certificate.key, minVersion: 'TLSv1.3', ALPNProtocols: ['h2'] },
    (socket) => injector.injectConnection(socket),
  );
  await new Promise<void>((resolve) => {
    tls.listen({ host: '127.0.0.1', port: 0, backlog: 8192 }, () => resolve());
  });
  const bound = tls.address();
  answer(
    `127.0.0.1:${bound !== null && typeof bound === 'object' ? bound.port : 0}`,
    Array.from({ length: clients }, () => 'none'),
  );
}

async function serveBroker(): Promise<void> {
  const clock = systemClock;
  const log = silentLog;
  const write = async (name: string, text: string) => {
    const file = join(folder, name);
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };
  const policyFile = await write(
    'policy.yaml',
    `
bundles:
  static:
    tokenRole: leasehold-static
    ttl: 1h
    maxTtl: 24h
    outage: { mode: keep }
    secrets: { api: { kv2: { mount: secret, path: api } } }
    files: { api-key: { secret: api, field: key } }
grants:
  - name: all
    allow: [static]
    pods: { cluster: bench, namespace: ml }
`,
  );
  const ledger = await openSqliteLedger({ file: join(folder, 'ledger.sqlite'), log });
  const audit = await openAudit({
    file: join(folder, 'audit.log'),
    hmacKey: Secret.ofText('benchmark key of no worth'),
    maxWaitMs: 30_000,
    clock,
    log,
  });
  const policy = await createPolicyStore({ file: policyFile, clock, log, onReload: () => undefined });
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
  });
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
    backend: createMemoryBackend({ clock, secrets: { 'secret/data/api': { key: 'v' } } }),
    policy,
    states: clusters.states,
    audit,
    clock,
    log,
    admission: { concurrency: 32, queue: 20_000, maxWaitMs: 60_000 },
    signal: new AbortController().signal,
  });
  const tls = {
    certificate: await write('server.pem', certificate.certificate),
    key: await write('server-key.pem', certificate.key),
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
      tls: { ...tls, clientCa: await write('ca.pem', authority.certificate) },
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
  const tokens: string[] = [];
  for (let index = 0; index < clients; index += 1) {
    const uid = issuer.addPod({ namespace: 'ml', name: `p-${index}`, serviceAccount: 's', node: 'n' });
    tokens.push(await issuer.issueToken(uid));
  }
  answer(rpc.workloads, tokens);
}
