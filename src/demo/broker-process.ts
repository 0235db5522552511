import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHeadsFile } from '../audit/heads-file.ts';
import { createHeadSigner, publicPem } from '../audit/signing-keys.ts';
import { openAudit } from '../audit/open-audit.ts';
import { createMemoryBackend } from '../backend/memory/memory-backend.ts';
import { createVaultBackend } from '../backend/vault/vault-backend.ts';
import { defaultRequestLimitSeconds, longestProbationSeconds } from '../backend/vault/vault-config.ts';
import { startEngine } from '../broker/start-engine.ts';
import { createClusters } from '../identity/clusters.ts';
import { createLocalIssuer } from '../identity/local-issuer.ts';
import { openSqliteLedger } from '../ledger/sqlite/sqlite-ledger.ts';
import { systemClock } from '../platform/clock.ts';
import { createLog } from '../platform/log.ts';
import { Secret } from '../platform/secret.ts';
import { createPolicyStore } from '../policy/policy-store.ts';
import { createRpcServer } from '../rpc/server.ts';
import { demoAdmin } from './demo-files.ts';
import type { BrokerProcessOptions, DemoReply, DemoRequest } from './messages.ts';
import { demoApiSecret, demoPolicy } from './policy.ts';

/**
 * The broker of the demo: everything real but the backend, which is in memory unless the demo was given one, and the cluster,
 * which is a table of pods in this process. Started by the demo alone, with a channel to it; no configuration leads here.
 */
const trustDomain = 'demo.example';
async function main({ files, backend: chosen }: BrokerProcessOptions): Promise<void> {
  const clock = systemClock;
  const log = createLog({ level: 'error', name: 'broker' });
  const stopped = new AbortController();
  await using parts = new AsyncDisposableStack();
  const policyFile = join(files.folder, 'policy.yaml');
  writeFileSync(policyFile, demoPolicy);
  const ledger = parts.use(await openSqliteLedger({ file: files.ledger, log }));
  const signingKey = generateKeyPairSync('ed25519').privateKey;
  writeFileSync(files.auditKey, publicPem(signingKey));
  const heads = createHeadsFile({ path: files.auditHeads, log, onFailure: () => undefined });
  parts.defer(() => heads.close());
  const audit = parts.use(
    await openAudit({
      file: files.audit,
      hmacKey: Secret.ofText('the demo has nothing to hide'),
      maxWaitMs: 5_000,
      clock,
      log,
      signing: {
        signer: createHeadSigner([signingKey]),
        pace: { everyRecords: 5, everyMs: 60_000 },
        onHead: (head) => heads.add(head),
      },
    }),
  );
  const source = parts.use(
    await createPolicyStore({ file: policyFile, clock, log, onReload: () => undefined }),
  );
  const memory = createMemoryBackend({
    clock,
    dynamic: { 'database/creds/app': {} },
    secrets: { 'secret/data/api': demoApiSecret },
  });
  const backend = parts.use(
    chosen.kind === 'memory'
      ? memory
      : await createVaultBackend({
          config: {
            address: chosen.address,
            auth: { kind: 'token', tokenFile: chosen.tokenFile },
            requestLimitSeconds: defaultRequestLimitSeconds,
            probationSeconds: longestProbationSeconds,
          },
          clock,
          log,
        }),
  );
  const issuer = await createLocalIssuer({
    trust: {
      name: 'demo',
      issuer: 'https://demo.example',
      audience: 'leasehold',
      maxTokenSeconds: 3_600,
      staleAfterSeconds: 60,
      lostAfterSeconds: 600,
    },
    clock,
  });
  const clusters = parts.use(
    createClusters({
      trustDomain,
      clusters: [],
      development: [issuer.source],
      clock,
      log,
      random: Math.random,
    }),
  );
  await clusters.ready(AbortSignal.timeout(10_000));
  const { engine } = await startEngine({
    ledger,
    backend,
    policy: source,
    states: clusters.states,
    audit,
    clock,
    log,
    admission: { concurrency: 8, queue: 100, maxWaitMs: 10_000 },
    signal: stopped.signal,
  });
  parts.use(engine);
  const tls = { certificate: files.serverCertificate, key: files.serverKey };
  const listen = { host: '127.0.0.1', port: 0 };
  const rpc = parts.use(
    await createRpcServer({
      workloads: {
        listen,
        tls,
        limits: {
          maxConnections: 100,
          maxStreamsPerConnection: 10,
          maxMessageBytes: 65_536,
          maxUnproved: 8,
          firstMessageMs: 10_000,
        },
      },
      admin: {
        listen,
        tls: { ...tls, clientCa: files.ca },
        clients: [
          { name: demoAdmin, match: { commonName: demoAdmin }, rights: ['view', 'revoke', 'settle'] },
        ],
      },
      trustDomain,
      verifier: clusters.verifier,
      sessions: engine.sessions,
      sessionAdmin: engine.admin,
      audit,
      clock,
      log,
    }),
  );

  const reply = (message: DemoReply) => void process.send?.(message);
  const ended = Promise.withResolvers<undefined>();
  const end = () => ended.resolve(undefined);
  process.once('disconnect', end);
  // A Ctrl-C reaches the whole group, and npm sends it once more: the demo says when this process ends.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end);
  process.on('message', (request: DemoRequest) => {
    void (async () => {
      switch (request.ask) {
        case 'add_pod': {
          const uid = issuer.addPod({
            namespace: 'ml',
            name: request.name,
            serviceAccount: request.serviceAccount,
            node: 'node-1',
          });
          reply({ id: request.id, uid, token: await issuer.issueToken(uid) });
          return;
        }
        case 'can_login':
          reply({ id: request.id, canLogin: memory.canLogin(request.username, request.password) });
          return;
        case 'remove_pod':
          issuer.removePod(request.uid);
          reply({ id: request.id, done: true });
          return;
      }
    })();
  });
  reply({ ready: { workloads: rpc.workloads, admin: rpc.admin } });
  await ended.promise;
  await rpc.drain(AbortSignal.timeout(5_000));
  stopped.abort();
}

const options = process.argv.at(-1);
// Written by the demo itself, from the same type.
await main(JSON.parse(options ?? '') as BrokerProcessOptions);
process.disconnect?.();
