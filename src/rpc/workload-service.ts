import type { Audit } from '../audit/audit.ts';
import type { IdentityVerifier } from '../identity/identity.ts';
import type { Sessions } from '../lease/sessions.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { Handlers } from './handler.ts';
import { serveHold } from './hold-stream.ts';
import { loadWorkloadApi } from './proto.ts';
import { createProof } from './proof.ts';
import { createTurns } from './turns.ts';

export interface WorkloadServiceOptions {
  readonly verifier: IdentityVerifier;
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
  options.metrics.gauge('verificationWaiting', () => [{ value: turns.waiting(), labels: {} }]);
  const parts = { ...options, ...createProof({ ...options, turns }) };
  handlers.duplex(loadWorkloadApi().leasehold.v1.WorkloadService.service.Hold, (stream, context) =>
    serveHold(parts, stream, context),
  );
}
