import { HealthImplementation } from 'grpc-health-check';
import type { Audit } from '../audit/audit.ts';
import type { IdentityVerifier } from '../identity/identity.ts';
import type { SessionAdmin, Sessions } from '../lease/sessions.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { AdminClient } from './admin-access.ts';
import { createAdminService } from './admin-service.ts';
import { type ListenerOptions, openListener } from './listener.ts';
import { loadAdminApi, loadWorkloadApi } from './proto.ts';
import { createWorkloadService } from './workload-service.ts';

export interface RpcServerOptions {
  readonly workloads: Pick<ListenerOptions, 'listen' | 'tls'> & {
    readonly limits: ListenerOptions['limits'] & {
      readonly maxUnproved: number;
      readonly firstMessageMs: number;
    };
  };
  readonly admin: Pick<ListenerOptions, 'listen'> & {
    readonly tls: { readonly certificate: string; readonly key: string; readonly clientCa: string };
    readonly clients: readonly AdminClient[];
  };
  readonly trustDomain: string;
  readonly verifier: IdentityVerifier;
  readonly sessions: Sessions;
  readonly sessionAdmin: SessionAdmin;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: Log;
}

/** Both listeners, serving. */
export interface RpcServer {
  /** host:port */
  readonly workloads: string;
  readonly admin: string;
  /** Nobody new, streams told `shutting_down`, reads under way awaited until the signal aborts. */
  drain(signal: AbortSignal): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const adminLimits = { maxConnections: 256, maxStreamsPerConnection: 32, maxMessageBytes: 256 * 1024 };

export async function createRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  const { clock, log, audit, verifier } = options;
  const stopping = new AbortController();
  const health = new HealthImplementation({ '': 'NOT_SERVING' });
  const workloads = await openListener({ ...options.workloads, clock, log });
  let admin;
  try {
    admin = await openListener({ ...options.admin, limits: adminLimits, clock, log });
  } catch (error) {
    await workloads[Symbol.asyncDispose]();
    throw error;
  }
  workloads.server.addService(
    loadWorkloadApi().leasehold.v1.WorkloadService.service,
    createWorkloadService({
      verifier,
      sessions: options.sessions,
      audit,
      clock,
      log,
      limits: options.workloads.limits,
      signal: stopping.signal,
    }),
  );
  admin.server.addService(
    loadAdminApi().leasehold.v1.AdminService.service,
    createAdminService({
      admin: options.sessionAdmin,
      verifier,
      clients: options.admin.clients,
      trustDomain: options.trustDomain,
      audit,
      log,
      signal: stopping.signal,
    }),
  );
  health.addToServer(workloads.server);
  health.setStatus('', 'SERVING');
  const listeners = [workloads, admin];
  return {
    workloads: workloads.address,
    admin: admin.address,
    drain: async (signal) => {
      health.setStatus('', 'NOT_SERVING');
      for (const listener of listeners) listener.stopAccepting();
      const reads = options.sessions.drain({ signal });
      stopping.abort();
      await reads;
    },
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      for (const listener of listeners) await listener[Symbol.asyncDispose]();
    },
  };
}
