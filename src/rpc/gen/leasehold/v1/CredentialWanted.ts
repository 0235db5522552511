// Original file: proto/leasehold/v1/workload.proto

import type { Long } from '@grpc/proto-loader';

/**
 * The broker needs a newer credential.
 */
export interface CredentialWanted {
  /**
   * Milliseconds since the Unix epoch by which it is needed.
   */
  'byMs'?: (number | string | Long);
}

/**
 * The broker needs a newer credential.
 */
export interface CredentialWanted__Output {
  /**
   * Milliseconds since the Unix epoch by which it is needed.
   */
  'byMs': (number);
}
