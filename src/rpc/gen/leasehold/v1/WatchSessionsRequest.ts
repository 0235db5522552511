// Original file: proto/leasehold/v1/admin.proto

import type { Selector as _leasehold_v1_Selector, Selector__Output as _leasehold_v1_Selector__Output } from '../../leasehold/v1/Selector.ts';

/**
 * Request of WatchSessions.
 */
export interface WatchSessionsRequest {
  /**
   * Which sessions; empty with `all` unset watches all live ones.
   */
  'selector'?: (_leasehold_v1_Selector | null);
}

/**
 * Request of WatchSessions.
 */
export interface WatchSessionsRequest__Output {
  /**
   * Which sessions; empty with `all` unset watches all live ones.
   */
  'selector': (_leasehold_v1_Selector__Output | null);
}
