// Original file: proto/leasehold/v1/workload.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Another replica owns the session.
 */
export interface Redirect {
  /**
   * Bundle to open there.
   */
  'bundle'?: (string);
  /**
   * Session to resume there.
   */
  'sessionId'?: (string);
  /**
   * host:port, from the ledger; must be one the holder is configured to accept.
   */
  'address'?: (string);
  /**
   * Owner's claim number, for logs.
   */
  'epoch'?: (number | string | Long);
}

/**
 * Another replica owns the session.
 */
export interface Redirect__Output {
  /**
   * Bundle to open there.
   */
  'bundle': (string);
  /**
   * Session to resume there.
   */
  'sessionId': (string);
  /**
   * host:port, from the ledger; must be one the holder is configured to accept.
   */
  'address': (string);
  /**
   * Owner's claim number, for logs.
   */
  'epoch': (number);
}
