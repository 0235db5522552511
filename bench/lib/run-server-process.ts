import { readFile } from 'node:fs/promises';
import { createServer } from 'node:tls';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { createAuthority } from '../../src/demo/authority/certificates.ts';
import type { HoldRequest__Output } from '../../src/rpc/gen/leasehold/v1/HoldRequest.ts';
import type { HoldResponse } from '../../src/rpc/gen/leasehold/v1/HoldResponse.ts';
import { loadWorkloadApi } from '../../src/rpc/proto.ts';
import { openVaultBackend } from '../../test/integration/backend/vault-world.ts';
import { startSlurmBroker } from '../../test/support/slurm-broker.ts';
import { memoryOf } from './child.ts';
import { probationSeconds, type RunServerReady, type RunServerSizes } from './run-messages.ts';

/** All agents come from one address, which may take half of all connections, and the signer has one too. */
const maxConnections = 24_000;

/** Arguments: which server, how many nodes will come, and of a broker with a Vault its address and the file of a token for it. */
const [kind, count, vault, tokenFile] = process.argv.slice(2);
const nodes = Number(count);
if (kind === 'bare') await serveBare();
else await serveBroker();

function answerSizes(look: () => Promise<Omit<RunServerSizes, 'anonymousKb'>>): void {
  process.on('message', () => {
    globalThis.gc?.();
    void look().then((found) =>
      process.send?.({ ...found, anonymousKb: memoryOf(process.pid).anonymousKb } satisfies RunServerSizes),
    );
  });
}

async function serveBroker(): Promise<void> {
  const broker = await startSlurmBroker({
    maxConnections,
    maxUnproved: 1_024,
    ...(vault === undefined || tokenFile === undefined
      ? {}
      : { otherBackend: await openVaultBackend(vault, { tokenFile, probationSeconds }) }),
  });
  answerSizes(async () => ({
    sessions: (await broker.ledger.listSessions({ limit: 100 })).length,
    issued: (await readFile(broker.auditFile, 'utf8')).match(/"action":"issue"/g)?.length ?? 0,
  }));
  const ready: RunServerReady = {
    address: broker.nodes,
    ca: broker.ca.certificate,
    folder: broker.folder,
    signer: broker.signerCertificate(),
    nodes: Array.from({ length: nodes }, (_, index) => broker.nodeCertificate(`n${index}`)),
  };
  process.send?.(ready);
}

/** Mutual TLS and one answer: what the transport alone costs. */
async function serveBare(): Promise<void> {
  const ca = createAuthority();
  const pair = ca.issueServer();
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
    {
      cert: pair.certificate,
      key: pair.key,
      ca: ca.certificate,
      requestCert: true,
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['h2'],
    },
    (socket) => injector.injectConnection(socket),
  );
  await new Promise<void>((resolve) => {
    tls.listen({ host: '127.0.0.1', port: 0, backlog: 8192 }, () => resolve());
  });
  const bound = tls.address();
  answerSizes(() => Promise.resolve({ sessions: 0, issued: 0 }));
  const client = (name: string) =>
    ca.issueClient({ commonName: name, uri: `spiffe://bare/slurm/hpc/node/${name}` });
  const ready: RunServerReady = {
    address: `127.0.0.1:${bound !== null && typeof bound === 'object' ? bound.port : 0}`,
    ca: ca.certificate,
    folder: '',
    signer: client('signer'),
    nodes: Array.from({ length: nodes }, (_, index) => client(`n${index}`)),
  };
  process.send?.(ready);
}
