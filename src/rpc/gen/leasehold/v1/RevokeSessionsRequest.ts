// Original file: proto/leasehold/v1/admin.proto

import type { Selector as _leasehold_v1_Selector, Selector__Output as _leasehold_v1_Selector__Output } from '../../leasehold/v1/Selector.ts';

/**
 * Request of RevokeSessions.
 */
export interface RevokeSessionsRequest {
  /**
   * Which sessions. Must not be empty.
   */
  'selector'?: (_leasehold_v1_Selector | null);
  /**
   * Why, in words; written to the audit log. 1 to 500 characters.
   */
  'reason'?: (string);
  /**
   * Only say what would be revoked.
   */
  'dryRun'?: (boolean);
  /**
   * How long to report, in milliseconds; 0 returns after the revocation is recorded.
   */
  'waitMs'?: (number);
}

/**
 * Request of RevokeSessions.
 */
export interface RevokeSessionsRequest__Output {
  /**
   * Which sessions. Must not be empty.
   */
  'selector': (_leasehold_v1_Selector__Output | null);
  /**
   * Why, in words; written to the audit log. 1 to 500 characters.
   */
  'reason': (string);
  /**
   * Only say what would be revoked.
   */
  'dryRun': (boolean);
  /**
   * How long to report, in milliseconds; 0 returns after the revocation is recorded.
   */
  'waitMs': (number);
}
