// Original file: proto/leasehold/v1/workload.proto

import type { Run as _leasehold_v1_Run, Run__Output as _leasehold_v1_Run__Output } from '../../leasehold/v1/Run.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * The stream is open.
 */
export interface Welcome {
  /**
   * SPIFFE-style id the broker derived from the credential.
   */
  'spiffeId'?: (string);
  /**
   * Workload instance id, for the holder's own log.
   */
  'workload'?: (string);
  /**
   * When the shown credential ends; milliseconds since the Unix epoch. The holder shows a newer one before.
   */
  'credentialExpiresAtMs'?: (number | string | Long);
  /**
   * What a node needs to know about the run that it redeemed; absent for a pod.
   */
  'run'?: (_leasehold_v1_Run | null);
}

/**
 * The stream is open.
 */
export interface Welcome__Output {
  /**
   * SPIFFE-style id the broker derived from the credential.
   */
  'spiffeId': (string);
  /**
   * Workload instance id, for the holder's own log.
   */
  'workload': (string);
  /**
   * When the shown credential ends; milliseconds since the Unix epoch. The holder shows a newer one before.
   */
  'credentialExpiresAtMs': (number);
  /**
   * What a node needs to know about the run that it redeemed; absent for a pod.
   */
  'run': (_leasehold_v1_Run__Output | null);
}
