// Original file: proto/leasehold/v1/workload.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Trouble behind the broker.
 */
export interface Degraded {
  /**
   * Session concerned.
   */
  'sessionId'?: (string);
  /**
   * One of the documented error codes.
   */
  'code'?: (string);
  /**
   * Since when; milliseconds since the Unix epoch.
   */
  'sinceMs'?: (number | string | Long);
}

/**
 * Trouble behind the broker.
 */
export interface Degraded__Output {
  /**
   * Session concerned.
   */
  'sessionId': (string);
  /**
   * One of the documented error codes.
   */
  'code': (string);
  /**
   * Since when; milliseconds since the Unix epoch.
   */
  'sinceMs': (number);
}
