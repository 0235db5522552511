import type { Audit } from '../audit/audit.ts';
import type { IdentityVerifier } from '../identity/identity.ts';
import type { Sessions } from '../lease/sessions.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { CallContext, Handlers } from './handler.ts';
import { serveHold } from './hold-stream.ts';
import { loadWorkloadApi } from './proto.ts';
import { createProof } from './proof.ts';
import { createTurns } from './turns.ts';

export interface WorkloadServiceOptions {
  /** For metrics. */
  readonly listener: 'workloads' | 'nodes';
  /** Who verifies what a caller shows, beside the certificate that its connection has shown. */
  readonly verifierOf: (context: Pick<CallContext, 'certificate'>) => IdentityVerifier;
  /** `<cluster>/<node>` that the certificate of the connection proves, for records of refusals. */
  readonly nodeOf?: (context: Pick<CallContext, 'certificate'>) => string | undefined;
  readonly sessions: Sessions;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly limits: {
    /** Credentials verified at the same time; as many again may wait many times over, see `turns.ts`. */
    readonly maxUnproved: number;
    readonly firstMessageMs: number;
  };
}

/** The stream of holders. */
export function addWorkloadService(handlers: Handlers, options: WorkloadServiceOptions): void {
  const turns = createTurns({ concurrency: options.limits.maxUnproved, clock: options.clock });
  options.metrics.gauge('verificationWaiting', () => [
    { value: turns.waiting(), labels: { listener: options.listener } },
  ]);
  handlers.duplex(loadWorkloadApi().leasehold.v1.WorkloadService.service.Hold, (stream, context) => {
    const proof = createProof({ ...options, verifier: options.verifierOf(context), turns });
    return serveHold({ ...options, ...proof, node: options.nodeOf?.(context) }, stream, context);
  });
}
