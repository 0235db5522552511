// Original file: proto/leasehold/v1/admin.proto

import type { Holder as _leasehold_v1_Holder, Holder__Output as _leasehold_v1_Holder__Output } from '../../leasehold/v1/Holder.ts';
import type { BackendCredential as _leasehold_v1_BackendCredential, BackendCredential__Output as _leasehold_v1_BackendCredential__Output } from '../../leasehold/v1/BackendCredential.ts';
import type { RunFacts as _leasehold_v1_RunFacts, RunFacts__Output as _leasehold_v1_RunFacts__Output } from '../../leasehold/v1/RunFacts.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * One session as people see it. Set by the broker.
 */
export interface Session {
  /**
   * Session id.
   */
  'id'?: (string);
  /**
   * Workload instance id.
   */
  'workload'?: (string);
  /**
   * SPIFFE-style id.
   */
  'spiffeId'?: (string);
  /**
   * Cluster name.
   */
  'cluster'?: (string);
  /**
   * Kubernetes namespace.
   */
  'namespace'?: (string);
  /**
   * Service account.
   */
  'serviceAccount'?: (string);
  /**
   * Pod name.
   */
  'pod'?: (string);
  /**
   * Node.
   */
  'node'?: (string);
  /**
   * Bundle name.
   */
  'bundle'?: (string);
  /**
   * opening, active, superseded, revoking or ended.
   */
  'state'?: (string);
  /**
   * Grant that allowed it.
   */
  'grant'?: (string);
  /**
   * Milliseconds since the Unix epoch.
   */
  'createdAtMs'?: (number | string | Long);
  /**
   * Absolute end; milliseconds since the Unix epoch.
   */
  'deadlineMs'?: (number | string | Long);
  /**
   * 0 while it has not ended.
   */
  'endedAtMs'?: (number | string | Long);
  /**
   * Why it is ending or has ended; empty before.
   */
  'endReason'?: (string);
  /**
   * Number of the current generation.
   */
  'generation'?: (number | string | Long);
  /**
   * Holders, and what each has said.
   */
  'holders'?: (_leasehold_v1_Holder)[];
  /**
   * Credentials behind it, those of ended lease sets included while they are unsettled.
   */
  'credentials'?: (_leasehold_v1_BackendCredential)[];
  /**
   * True when the bundle has leases.
   */
  'leased'?: (boolean);
  /**
   * Of a run; absent for a pod.
   */
  'run'?: (_leasehold_v1_RunFacts | null);
}

/**
 * One session as people see it. Set by the broker.
 */
export interface Session__Output {
  /**
   * Session id.
   */
  'id': (string);
  /**
   * Workload instance id.
   */
  'workload': (string);
  /**
   * SPIFFE-style id.
   */
  'spiffeId': (string);
  /**
   * Cluster name.
   */
  'cluster': (string);
  /**
   * Kubernetes namespace.
   */
  'namespace': (string);
  /**
   * Service account.
   */
  'serviceAccount': (string);
  /**
   * Pod name.
   */
  'pod': (string);
  /**
   * Node.
   */
  'node': (string);
  /**
   * Bundle name.
   */
  'bundle': (string);
  /**
   * opening, active, superseded, revoking or ended.
   */
  'state': (string);
  /**
   * Grant that allowed it.
   */
  'grant': (string);
  /**
   * Milliseconds since the Unix epoch.
   */
  'createdAtMs': (number);
  /**
   * Absolute end; milliseconds since the Unix epoch.
   */
  'deadlineMs': (number);
  /**
   * 0 while it has not ended.
   */
  'endedAtMs': (number);
  /**
   * Why it is ending or has ended; empty before.
   */
  'endReason': (string);
  /**
   * Number of the current generation.
   */
  'generation': (number);
  /**
   * Holders, and what each has said.
   */
  'holders': (_leasehold_v1_Holder__Output)[];
  /**
   * Credentials behind it, those of ended lease sets included while they are unsettled.
   */
  'credentials': (_leasehold_v1_BackendCredential__Output)[];
  /**
   * True when the bundle has leases.
   */
  'leased': (boolean);
  /**
   * Of a run; absent for a pod.
   */
  'run': (_leasehold_v1_RunFacts__Output | null);
}
