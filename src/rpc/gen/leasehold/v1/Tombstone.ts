// Original file: proto/leasehold/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

/**
 * What keeps a revoked bundle from coming straight back.
 */
export interface Tombstone {
  /**
   * Workload instance id.
   */
  'workload'?: (string);
  /**
   * Bundle.
   */
  'bundle'?: (string);
  /**
   * Why, in words.
   */
  'reason'?: (string);
  /**
   * Who revoked.
   */
  'by'?: (string);
  /**
   * Milliseconds since the Unix epoch.
   */
  'createdAtMs'?: (number | string | Long);
}

/**
 * What keeps a revoked bundle from coming straight back.
 */
export interface Tombstone__Output {
  /**
   * Workload instance id.
   */
  'workload': (string);
  /**
   * Bundle.
   */
  'bundle': (string);
  /**
   * Why, in words.
   */
  'reason': (string);
  /**
   * Who revoked.
   */
  'by': (string);
  /**
   * Milliseconds since the Unix epoch.
   */
  'createdAtMs': (number);
}
