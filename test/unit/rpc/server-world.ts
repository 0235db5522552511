import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  Metadata,
  status,
  type ClientDuplexStream,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js';
import type { Audit, AuditEvent } from '../../../src/audit/audit.ts';
import type { IdentityVerifier, Verified } from '../../../src/identity/identity.ts';
import type { Attachment, HolderMessage, SessionAdmin, Sessions } from '../../../src/lease/sessions.ts';
import type { NodeEnrolment } from '../../../src/lease/runs/node-enrolment.ts';
import type { SessionWithHolders } from '../../../src/ledger/ledger.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { silentLog, type Log } from '../../../src/platform/log.ts';
import { createMetrics, type Metrics } from '../../../src/platform/metrics.ts';
import type { AdminClient } from '../../../src/rpc/admin-access.ts';
import { brokerChannel } from '../../../src/rpc/client/channel.ts';
import type { HoldRequest } from '../../../src/rpc/gen/leasehold/v1/HoldRequest.ts';
import type { HoldResponse__Output } from '../../../src/rpc/gen/leasehold/v1/HoldResponse.ts';
import { loadAdminApi, loadWorkloadApi } from '../../../src/rpc/proto.ts';
import { createRpcServer, type RpcServer, type RpcServerOptions } from '../../../src/rpc/server.ts';
import { createTestCa, type KeyAndCertificate, type TestCa } from '../../support/certificates.ts';
import { createTempFolder } from '../../support/temp-folder.ts';

export const podIdentity = {
  kind: 'pod',
  workload: 'pod/blue/uid-1',
  spiffeId: 'spiffe://test/k8s/blue/ns/shop/sa/api/pod/uid-1',
  cluster: 'blue',
  namespace: 'shop',
  serviceAccount: 'api',
  serviceAccountUid: 'sa-1',
  pod: 'api-1',
  podUid: 'uid-1',
  node: 'node-1',
  labels: {},
  images: { known: false },
} as const;

export const verified: Verified = {
  identity: podIdentity,
  holder: 'pod',
  holders: ['pod'],
  credentialId: 'jti-1',
  credentialExpiresAt: 1_900_000_000_000,
};

/** An attachment that remembers what it was told; each method can be replaced. */
export interface ScriptedSessions extends Sessions {
  readonly calls: string[];
  /** To the holder that attached last. */
  send: (message: HolderMessage) => void;
  /** What attach was given last. */
  mayOpen: boolean | undefined;
  script: Partial<Attachment>;
}

export function scriptedSessions(): ScriptedSessions {
  const calls: string[] = [];
  const sessions: ScriptedSessions = {
    calls,
    send: () => undefined,
    mayOpen: undefined,
    script: {},
    attach: async ({ send, mayOpen }) => {
      sessions.send = send;
      sessions.mayOpen = mayOpen;
      calls.push('attach');
      const told =
        <K extends Exclude<keyof Attachment, 'detach'>>(name: K) =>
        async (...parameters: Parameters<Attachment[K]>): Promise<void> => {
          const [first] = parameters;
          calls.push(`${name} ${JSON.stringify(first)}`);
          const scripted = sessions.script[name] as
            ((...all: Parameters<Attachment[K]>) => Promise<void>) | undefined;
          await scripted?.(...parameters);
        };
      return {
        open: told('open'),
        delivered: told('delivered'),
        wiped: told('wiped'),
        release: told('release'),
        refresh: told('refresh'),
        detach: async () => void calls.push('detach'),
      };
    },
    drain: async () => undefined,
  };
  return sessions;
}

export interface RecordingAudit extends Audit {
  readonly records: (AuditEvent & { readonly stranger: boolean })[];
}

export function recordingAudit(): RecordingAudit {
  const records: RecordingAudit['records'] = [];
  return {
    records,
    record: async (event) => void records.push({ ...event, stranger: false }),
    recordAnyway: async (event) => {
      records.push({ ...event, stranger: false });
      return true;
    },
    owed: () => 0,
    hasRoom: () => true,
    takesRecords: () => true,
    recordStranger: async (event) => void records.push({ ...event, stranger: true }),
    hmac: () => '0123456789abcdef',
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Every method refuses until a test replaces it. */
export function scriptedAdmin(script: Partial<SessionAdmin>): SessionAdmin {
  const refuse = () => Promise.reject(new LeaseholdError('session_unknown'));
  return {
    list: refuse,
    show: refuse,
    watch: () => ({ [Symbol.asyncIterator]: () => ({ next: refuse }) }),
    revoke: refuse,
    rotate: refuse,
    addLock: refuse,
    removeLock: refuse,
    listLocks: refuse,
    explain: refuse,
    listTombstones: refuse,
    listCanaries: refuse,
    runCanary: refuse,
    liftTombstone: refuse,
    writeOff: refuse,
    hmac: () => '0123456789abcdef',
    ...script,
  };
}

export const session: SessionWithHolders = {
  id: 'ses_aaaaaaaaaaaaaaaaaaaaaaaaaa',
  workload: podIdentity.workload,
  bundle: 'orders',
  node: '',
  requestKey: 'k'.repeat(16),
  identity: podIdentity,
  state: 'active',
  leased: false,
  grant: 'shop',
  policyRevision: 'r1',
  createdAt: 1,
  deadlineAt: 2,
  endedAt: undefined,
  end: undefined,
  generation: { id: 'gen_aaaaaaaaaaaaaaaaaaaaaaaaaa', versions: '', number: 1 },
  holders: [],
  owner: undefined,
  leaseSets: [],
};

export interface ServerWorld extends AsyncDisposable {
  readonly ca: TestCa;
  readonly rpc: RpcServer;
  readonly sessions: ScriptedSessions;
  readonly audit: RecordingAudit;
  readonly metrics: Metrics;
  readonly folder: string;
  /** Paths of the PEM files of the workloads' listener and of the admins'. */
  readonly files: { readonly certificate: string; readonly key: string; readonly clientCa: string };
  verifier: IdentityVerifier['verify'];
}

export interface WorldOptions {
  readonly limits?: Partial<RpcServerOptions['workloads']['limits']>;
  readonly clients?: readonly AdminClient[];
  readonly admin?: Partial<SessionAdmin>;
  readonly enrolment?: NodeEnrolment;
  readonly log?: Log;
}

/** Both listeners on free ports, real TLS, scripted parts behind. */
export async function startWorld(options: WorldOptions = {}): Promise<ServerWorld> {
  await using building = new AsyncDisposableStack();
  const folder = building.use(await createTempFolder({ name: 'rpc' }));
  const ca = createTestCa();
  const server = ca.issueServer();
  const files = {
    certificate: join(folder.path, 'tls.crt'),
    key: join(folder.path, 'tls.key'),
    clientCa: join(folder.path, 'clients.crt'),
  };
  await writeFile(files.certificate, server.certificate);
  await writeFile(files.key, server.key);
  await writeFile(files.clientCa, ca.certificate);
  const sessions = scriptedSessions();
  const audit = recordingAudit();
  const metrics = building.use(createMetrics());
  const world = {
    verifier: (async () => verified) as IdentityVerifier['verify'],
  };
  const { clientCa, ...workloadFiles } = files;
  const rpc = building.use(
    await createRpcServer({
      workloads: {
        listen: { host: '127.0.0.1', port: 0 },
        tls: workloadFiles,
        limits: {
          maxConnections: 1_000,
          maxStreamsPerConnection: 16,
          maxMessageBytes: 65_536,
          maxUnproved: 64,
          firstMessageMs: 50_000,
          ...options.limits,
        },
      },
      admin: {
        listen: { host: '127.0.0.1', port: 0 },
        tls: { ...workloadFiles, clientCa },
        clients: options.clients ?? [],
      },
      trustDomain: 'test',
      verifier: { verify: (credential, call) => world.verifier(credential, call) },
      sessions,
      sessionAdmin: scriptedAdmin(options.admin ?? {}),
      ...(options.enrolment === undefined ? {} : { enrolment: options.enrolment }),
      audit,
      // The pauses in which files come to rest are not needed here.
      clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms > 1_000 ? ms : 1, signal) },
      log: options.log ?? silentLog,
      metrics,
    }),
  );
  const owned = building.move();
  return Object.assign(world, {
    ca,
    rpc,
    sessions,
    audit,
    metrics,
    folder: folder.path,
    files,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  });
}

/** What a call ended with, as its client sees it. */
export interface Ended {
  readonly status: number;
  readonly details: string;
  readonly code: string | undefined;
}

export function toEnded(end: Pick<StatusObject, 'code' | 'details' | 'metadata'>): Ended {
  const [code] = end.metadata.get('leasehold-code');
  return { status: end.code, details: end.details, code: code?.toString() };
}

/** A holder's raw stream: what it receives, and how it ended. */
export interface RawHold extends Disposable {
  readonly call: ClientDuplexStream<HoldRequest, HoldResponse__Output>;
  readonly received: HoldResponse__Output[];
  readonly ended: Promise<Ended>;
  /** The next message that has not been asked for yet. */
  next(): Promise<HoldResponse__Output>;
}

export function hold(world: ServerWorld, options: { readonly read?: boolean } = {}): RawHold {
  const channel = brokerChannel({ address: world.rpc.workloads, ca: Buffer.from(world.ca.certificate) });
  const client = new (loadWorkloadApi().leasehold.v1.WorkloadService)(
    channel.target,
    channel.credentials,
    channel.options,
  );
  const call = client.hold();
  const received: HoldResponse__Output[] = [];
  const waiting: ((message: HoldResponse__Output) => void)[] = [];
  let taken = 0;
  if (options.read !== false)
    call.on('data', (message: HoldResponse__Output) => {
      received.push(message);
      const waiter = waiting.shift();
      if (waiter !== undefined) waiter(message);
    });
  const ended = new Promise<Ended>((resolve) => {
    call.on('error', () => undefined);
    call.on('status', (end) => resolve(toEnded(end)));
  });
  return {
    call,
    received,
    ended,
    next: () => {
      const message = received[taken];
      taken += 1;
      if (message !== undefined) return Promise.resolve(message);
      return new Promise((resolve) => waiting.push(resolve));
    },
    [Symbol.dispose]: () => {
      call.cancel();
      client.close();
    },
  };
}

export const helloMessage: HoldRequest = { hello: { credential: Buffer.from('token'), agent: 'test/1' } };

export function adminClient(world: ServerWorld, certificate: KeyAndCertificate) {
  const channel = brokerChannel({
    address: world.rpc.admin,
    ca: Buffer.from(world.ca.certificate),
    clientCertificate: {
      certificate: Buffer.from(certificate.certificate),
      key: Buffer.from(certificate.key),
    },
  });
  return new (loadAdminApi().leasehold.v1.AdminService)(channel.target, channel.credentials, channel.options);
}

/** How a unary call ended; `response` when it succeeded. */
export function ask<Response>(
  begin: (
    deadline: { readonly deadline: number },
    answer: (error: ServiceError | null, response?: Response) => void,
  ) => unknown,
): Promise<Ended & { readonly response?: Response | undefined }> {
  return new Promise((resolve) => {
    begin({ deadline: Date.now() + 50_000 }, (error, response) =>
      resolve(
        error === null
          ? { ...toEnded({ code: status.OK, details: '', metadata: new Metadata() }), response }
          : toEnded(error),
      ),
    );
  });
}
