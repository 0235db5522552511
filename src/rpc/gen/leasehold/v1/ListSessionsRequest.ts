// Original file: proto/leasehold/v1/admin.proto

import type { Selector as _leasehold_v1_Selector, Selector__Output as _leasehold_v1_Selector__Output } from '../../leasehold/v1/Selector.ts';

/**
 * Request of ListSessions.
 */
export interface ListSessionsRequest {
  /**
   * Which sessions; empty with `all` unset lists the live ones.
   */
  'selector'?: (_leasehold_v1_Selector | null);
  /**
   * Include ended sessions.
   */
  'includeEnded'?: (boolean);
  /**
   * At most this many, 1 to 1000; 0 means 200.
   */
  'pageSize'?: (number);
  /**
   * From the answer before.
   */
  'pageToken'?: (string);
}

/**
 * Request of ListSessions.
 */
export interface ListSessionsRequest__Output {
  /**
   * Which sessions; empty with `all` unset lists the live ones.
   */
  'selector': (_leasehold_v1_Selector__Output | null);
  /**
   * Include ended sessions.
   */
  'includeEnded': (boolean);
  /**
   * At most this many, 1 to 1000; 0 means 200.
   */
  'pageSize': (number);
  /**
   * From the answer before.
   */
  'pageToken': (string);
}
