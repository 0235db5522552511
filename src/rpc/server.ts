import type { Audit } from '../audit/audit.ts';
import type { IdentityVerifier } from '../identity/identity.ts';
import { slurmNameOf } from '../identity/runs/slurm-name.ts';
import type { NodeEnrolment } from '../lease/runs/node-enrolment.ts';
import type { SessionAdmin, Sessions } from '../lease/sessions.ts';
import type { CertificateFiles } from '../platform/certificate-files.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { type Metrics, silentMetrics } from '../platform/metrics.ts';
import type { AdminClient } from './admin-access.ts';
import { addAdminService } from './admin-service.ts';
import { createHealth } from './health-service.ts';
import { type Listener, type ListenerOptions, openListener } from './listener.ts';
import { addNodeService } from './node-service.ts';
import { addRunService, type RunServiceOptions } from './run-service.ts';
import { addWorkloadService } from './workload-service.ts';

export interface RpcServerOptions {
  readonly workloads: {
    readonly listen: ListenerOptions['listen'];
    readonly tls: CertificateFiles;
    readonly limits: Omit<ListenerOptions['limits'], 'idleMs'> & {
      readonly maxUnproved: number;
      readonly firstMessageMs: number;
    };
  };
  readonly admin: {
    readonly listen: ListenerOptions['listen'];
    readonly tls: CertificateFiles & { readonly clientCa: string };
    readonly clients: readonly AdminClient[];
  };
  /** For compute nodes and signers of batch schedulers; without it there is no such listener. */
  readonly nodes?: {
    readonly listen: ListenerOptions['listen'];
    readonly tls: CertificateFiles & { readonly clientCa: string };
    readonly limits: RpcServerOptions['workloads']['limits'];
    readonly verifierOf: RunServiceOptions['verifierOf'];
    readonly runs: Pick<RunServiceOptions, 'clusters' | 'registry' | 'policy'>;
  };
  readonly trustDomain: string;
  readonly verifier: IdentityVerifier;
  readonly sessions: Sessions;
  readonly sessionAdmin: SessionAdmin;
  /** Undefined where compute nodes get their certificates elsewhere. */
  readonly enrolment?: NodeEnrolment;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: Log;
  /** Default: nothing is measured. */
  readonly metrics?: Metrics;
}

/** Both listeners, serving. */
export interface RpcServer extends AsyncDisposable {
  /** host:port */
  readonly workloads: string;
  readonly admin: string;
  /** Undefined without such a listener. */
  readonly nodes: string | undefined;
  /** What the health services say: whether this is the broker to call. One that drains never is again. */
  setServing(serving: boolean): void;
  /** Nobody new; streams end with `shutting_down` when what they wait for has come. Resolves then, or when the signal aborts. */
  drain(signal: AbortSignal): Promise<void>;
  /** Looks at the certificate files of both listeners now. */
  checkCertificates(): Promise<void>;
}

const adminLimits = {
  maxConnections: 256,
  maxStreamsPerConnection: 32,
  maxMessageBytes: 256 * 1024,
  idleMs: 300_000,
};
/** What a connection has on top of the time for its first message. */
const idleMarginMs = 1_000;

/** A node without runs keeps its connection for a while: the next run may start at any moment. */
const nodeIdleMs = 300_000;

/** Opens the listeners; the workloads' ones last, so that whoever is served can also be revoked. */
export async function createRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  const { log, audit } = options;
  const metrics = options.metrics ?? silentMetrics;
  const parts = { ...options, metrics };
  await using building = new AsyncDisposableStack();
  const refuseStranger = (action: 'attach' | 'admin_refused') =>
    ((end) => {
      const event = { action, outcome: 'refused', code: end.code, peer: withoutPort(end.peer) } as const;
      audit.recordStranger(event).catch((error: unknown) => {
        metrics.count('auditFailures', {});
        log.error('a refusal has no audit record', { code: end.code }, error);
      });
    }) satisfies ListenerOptions['onForeignEnd'];

  const adminHealth = createHealth(['leasehold.v1.AdminService']);
  const workloadHealth = createHealth(['leasehold.v1.WorkloadService']);
  const admin = building.use(
    await openListener({
      ...parts,
      name: 'admin',
      listen: options.admin.listen,
      tls: options.admin.tls,
      limits: adminLimits,
      onForeignEnd: refuseStranger('admin_refused'),
      takesTrace: true,
      serve: (handlers) => {
        addAdminService(handlers, { ...parts, admin: options.sessionAdmin, clients: options.admin.clients });
        adminHealth.addTo(handlers);
      },
    }),
  );
  const { limits } = options.workloads;
  const workloads = building.use(
    await openListener({
      ...parts,
      name: 'workloads',
      listen: options.workloads.listen,
      tls: options.workloads.tls,
      limits: { ...limits, idleMs: limits.firstMessageMs + idleMarginMs },
      onForeignEnd: refuseStranger('attach'),
      // A workload could put its records among another's.
      takesTrace: false,
      serve: (handlers) => {
        addWorkloadService(handlers, {
          ...parts,
          listener: 'workloads',
          verifierOf: () => options.verifier,
          limits,
        });
        addNodeService(handlers, { ...parts, proof: 'token' });
        workloadHealth.addTo(handlers);
      },
    }),
  );
  const nodeHealth = createHealth(['leasehold.v1.WorkloadService', 'leasehold.v1.RunService']);
  const nodes = await openNodes(building, options.nodes, (node) => ({
    ...parts,
    name: 'nodes',
    listen: node.listen,
    tls: node.tls,
    takesTrace: false,
    limits: { ...node.limits, idleMs: nodeIdleMs },
    onForeignEnd: refuseStranger('attach'),
    serve: (handlers, certificate) => {
      addWorkloadService(handlers, {
        ...parts,
        listener: 'nodes',
        verifierOf: ({ certificate }) => node.verifierOf(certificate),
        nodeOf: ({ certificate }) => {
          const name = slurmNameOf(certificate, options.trustDomain);
          return name?.kind === 'node' ? `${name.cluster}/${name.node}` : undefined;
        },
        limits: node.limits,
      });
      addRunService(handlers, { ...parts, ...node.runs, verifierOf: node.verifierOf, certificate });
      addNodeService(handlers, { ...parts, proof: 'certificate' });
      nodeHealth.addTo(handlers);
    },
  }));
  const listeners = [workloads, admin, ...(nodes === undefined ? [] : [nodes])];
  let draining = false;
  const setServing = (serving: boolean) => {
    for (const health of [adminHealth, workloadHealth, nodeHealth]) health.setServing(serving && !draining);
  };
  setServing(true);
  const owned = building.move();
  return {
    workloads: workloads.address,
    admin: admin.address,
    nodes: nodes?.address,
    checkCertificates: async () => {
      await Promise.all(listeners.map((listener) => listener.checkCertificates()));
    },
    setServing,
    drain: async (signal) => {
      draining = true;
      setServing(false);
      await Promise.all([
        options.sessions.drain({ signal }),
        ...listeners.map((listener) => listener.drain(signal)),
      ]);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function openNodes(
  building: AsyncDisposableStack,
  node: RpcServerOptions['nodes'],
  describe: (node: NonNullable<RpcServerOptions['nodes']>) => ListenerOptions,
): Promise<Listener | undefined> {
  return node === undefined ? undefined : building.use(await openListener(describe(node)));
}

function withoutPort(peer: string): string {
  return peer.replace(/:\d+$/, '');
}
