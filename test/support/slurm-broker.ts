import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { openAudit } from '../../src/audit/open-audit.ts';
import type { CertificateSigner } from '../../src/backend/certificate-signer.ts';
import type { Backend } from '../../src/backend/backend.ts';
import { createMemoryBackend, type MemoryBackend } from '../../src/backend/memory/memory-backend.ts';
import { startEngine } from '../../src/broker/start-engine.ts';
import type { WorkloadStates } from '../../src/identity/identity.ts';
import { jwksFromFile } from '../../src/identity/jwks-sources.ts';
import { silentIdentityEvents } from '../../src/identity/identity-events.ts';
import { createKeySet } from '../../src/identity/keys.ts';
import { createRunVerifier } from '../../src/identity/runs/run-verifier.ts';
import { joinStates } from '../../src/identity/workload-states.ts';
import { createNodeEnrolment } from '../../src/lease/runs/node-enrolment.ts';
import { createRunRegistry } from '../../src/lease/runs/run-registry.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { openSqliteLedger } from '../../src/ledger/sqlite/sqlite-ledger.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { Secret } from '../../src/platform/secret.ts';
import { createFixedPolicy } from '../../src/policy/policy-cell.ts';
import { parsePolicy } from '../../src/policy/policy-file.ts';
import { createRpcServer } from '../../src/rpc/server.ts';
import type { Authority } from '../../src/demo/authority/certificates.ts';
import { createTestCa, type KeyAndCertificate } from './certificates.ts';
import { runClaims } from './run-claims.ts';
import { createTempFolder } from './temp-folder.ts';

export const trustDomain = 'test';
export const cluster = 'hpc';
/** Of which the broker knows, too, where it is asked to. */
export const otherCluster = 'hpc2';
export const audience = 'leasehold';

const policyText = `
bundles:
  db:
    tokenRole: leasehold-db
    ttl: 10m
    maxTtl: 1d
    overlap: 10s
    outage: { mode: keep }
    secrets: { database: { leased: database/creds/app } }
    files: { database.env: { secret: database, format: dotenv, mode: '0400' } }
  key:
    tokenRole: leasehold-key
    ttl: 10m
    maxTtl: 1d
    outage: { mode: keep }
    secrets: { api: { kv2: { mount: secret, path: api } } }
    files: { api-key: { secret: api, field: key, mode: '0400' } }
grants:
  - { name: gpu, allow: db, runs: { cluster: hpc, partition: gpu } }
  - { name: elsewhere, allow: db, runs: { cluster: hpc, node: 'gpu*', array: false } }
  - { name: wish, allow: key, deliver: on_request, runs: { cluster: hpc, user: alice } }
`;

/** Facts of a run, as a signer states them. */
export interface StatedRun {
  readonly jobId?: number;
  readonly start?: number;
  readonly nodes?: readonly string[];
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  /** Signs with a key that the broker does not know, under a key id that it does. */
  readonly forged?: boolean;
  /** Signed with the key of the other cluster, whatever it says of itself. */
  readonly byOther?: boolean;
}

/**
 * A broker for batch runs in this process: real ledger, audit, engine, TLS and gRPC; the backend is in memory, and the signer's key is the test's.
 * There are no pods.
 */
/** Who certifies nodes: a role at a backend, and the root that the broker then trusts, PEM. */
export interface NodeAuthority {
  readonly signer: CertificateSigner;
  readonly root: string;
  readonly mount: string;
  readonly role: string;
  readonly certificateSeconds: number;
}

export interface SlurmBroker extends AsyncDisposable {
  readonly ca: Authority;
  /** host:port */
  readonly nodes: string;
  readonly admin: string;
  readonly workloads: string;
  readonly backend: MemoryBackend;
  readonly ledger: Ledger;
  readonly folder: string;
  readonly auditFile: string;
  assertion(run?: StatedRun): Promise<Uint8Array>;
  /** With a key of its own each. Issued at one and the same moment unless the test says when: which one is newer is never a matter of the second it ran in. */
  nodeCertificate(
    node: string,
    options?: { readonly notBefore?: Date; readonly of?: string },
  ): KeyAndCertificate;
  signerCertificate(cluster?: string): KeyAndCertificate;
}

const noPods: WorkloadStates = {
  state: () => ({ phase: 'unknown', freshness: 'lost' }),
  subscribe: () => () => undefined,
};

export const startOfRun = (): number => Math.floor(Date.now() / 1000);

export async function startSlurmBroker(
  options: {
    readonly endGraceSeconds?: number;
    readonly absentAfterSeconds?: number;
    readonly policy?: string;
    readonly maxConnections?: number;
    readonly maxUnproved?: number;
    /** How often the signers' public keys are read again. */
    readonly keyRefreshMs?: number;
    /** Of another broker, for the same nodes and signers. */
    readonly ca?: Authority;
    /** Certifies nodes that enrol. */
    readonly authority?: NodeAuthority;
    /** It serves `otherCluster`, too. */
    readonly hasOther?: boolean;
    /** In place of the one in memory, which then nothing comes to. */
    readonly otherBackend?: Backend;
  } = {},
): Promise<SlurmBroker> {
  await using building = new AsyncDisposableStack();
  // In memory: the sync of a busy disk may take longer than a hook waits.
  const folder = building.use(await createTempFolder({ name: 'slurm-broker', parent: '/dev/shm' }));
  const path = (name: string) => join(folder.path, name);
  const firstIssued = new Date(Date.now() - 3_600_000);
  const ca = options.ca ?? createTestCa();
  const server = ca.issueServer();
  await writeFile(path('tls.crt'), server.certificate);
  await writeFile(path('tls.key'), server.key);
  await writeFile(path('ca.crt'), ca.certificate + (options.authority?.root ?? ''));
  const [own, other, forger] = await Promise.all([1, 2, 3].map(() => generateKeyPair('EdDSA')));
  if (own === undefined || other === undefined || forger === undefined) throw new Error('there is no key');
  for (const [file, kid, { publicKey }] of [
    ['signer.jwks', 'k1', own],
    ['other.jwks', 'k2', other],
  ] as const)
    await writeFile(
      path(file),
      JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'EdDSA', use: 'sig' }] }),
    );
  const [clock, log] = [systemClock, silentLog];
  const ledger = building.use(await openSqliteLedger({ file: path('ledger.sqlite'), log }));
  const audit = building.use(
    await openAudit({
      file: path('audit.log'),
      hmacKey: Secret.ofText('sixteen bytes and more'),
      maxWaitMs: 60_000,
      clock,
      log,
    }),
  );
  const backend = createMemoryBackend({
    clock,
    dynamic: { 'database/creds/app': {} },
    secrets: { 'secret/data/api': { key: 'value' } },
  });
  const used = options.otherBackend ?? backend;
  const policy = createFixedPolicy(parsePolicy(options.policy ?? policyText));
  const clusters = [
    [cluster, 'signer.jwks'],
    ...(options.hasOther === true ? [[otherCluster, 'other.jwks'] as const] : []),
  ].map(([name = '', file = '']) => {
    const config = {
      name,
      audience,
      keys: { file: path(file) },
      endGraceSeconds: options.endGraceSeconds ?? 1,
      absentAfterSeconds: options.absentAfterSeconds ?? 600,
    };
    const keys = createKeySet({
      cluster: name,
      load: jwksFromFile({ path: config.keys.file }),
      clock,
      log,
      events: silentIdentityEvents,
      cooldownMs: 1_000,
      refreshMs: options.keyRefreshMs ?? 60_000,
    });
    building.defer(() => keys.close());
    return { cluster: config, keys };
  });
  const names = new Set(clusters.map((one) => one.cluster.name));
  const now = () => used.now();
  const registry = building.use(
    createRunRegistry({
      ledger,
      policy,
      audit,
      clusters: clusters.map((one) => one.cluster),
      clock,
      log,
      now,
      serves: () => true,
    }),
  );
  const stopped = new AbortController();
  building.defer(() => stopped.abort());
  const { engine } = await startEngine({
    ledger,
    backend: used,
    policy,
    states: joinStates(noPods, registry.states),
    audit,
    clock,
    log,
    admission: { concurrency: 8, queue: 1_000, maxWaitMs: 60_000 },
    settings: { sweepMs: 3_000 },
    signal: stopped.signal,
  });
  building.use(engine);
  const listen = { host: '127.0.0.1', port: 0 };
  const tls = { certificate: path('tls.crt'), key: path('tls.key') };
  const limits = {
    maxConnections: options.maxConnections ?? 1_000,
    maxStreamsPerConnection: 1_024,
    maxMessageBytes: 4 * 1024 * 1024,
    maxUnproved: options.maxUnproved ?? 64,
    firstMessageMs: 60_000,
  };
  const verifierOf = createRunVerifier({
    runs: registry.known,
    trustDomain,
    clusters: names,
    now: () => clock.now(),
  });
  const { authority } = options;
  const enrolment =
    authority === undefined
      ? undefined
      : createNodeEnrolment({
          clusters: names,
          trustDomain,
          authority,
          signer: authority.signer,
          ledger,
          admitNode: (node) => registry.known.admitNode(node),
          audit,
          log,
          now,
        });
  const rpc = building.use(
    await createRpcServer({
      workloads: { listen, tls, limits },
      admin: {
        listen,
        tls: { ...tls, clientCa: path('ca.crt') },
        clients: [
          { name: 'ada', match: { commonName: 'ada' }, rights: ['view', 'revoke', 'settle', 'enrol'] },
        ],
      },
      nodes: {
        listen,
        tls: { ...tls, clientCa: path('ca.crt') },
        limits,
        verifierOf,
        runs: { clusters, registry, policy },
      },
      trustDomain,
      verifier: { verify: () => Promise.reject(new Error('there are no pods')) },
      sessions: engine.sessions,
      sessionAdmin: engine.admin,
      ...(enrolment === undefined ? {} : { enrolment }),
      audit,
      clock,
      log,
    }),
  );
  const owned = building.move();
  return {
    ca,
    nodes: rpc.nodes ?? '',
    admin: rpc.admin,
    workloads: rpc.workloads,
    backend,
    ledger,
    folder: folder.path,
    auditFile: path('audit.log'),
    assertion: async ({ jobId = 12, start = startOfRun(), nodes = ['n1', 'n2'], ...run } = {}) => {
      const iat = Math.floor(Date.now() / 1000);
      const claims = { ...runClaims({ jobId, start, nodes, iat }), ...run.claims };
      const text = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'EdDSA', kid: 'k1', typ: 'slurm-run+jwt', ...run.header })
        .sign((run.forged === true ? forger : run.byOther === true ? other : own).privateKey);
      return Buffer.from(text);
    },
    nodeCertificate: (node, { notBefore = firstIssued, of = cluster } = {}) =>
      ca.issueClient({
        commonName: node,
        uri: `spiffe://${trustDomain}/slurm/${of}/node/${node}`,
        notBefore,
      }),
    signerCertificate: (of = cluster) =>
      ca.issueClient({ commonName: 'signer', uri: `spiffe://${trustDomain}/slurm/${of}/signer` }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
