// Original file: proto/leasehold/v1/workload.proto

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
}
