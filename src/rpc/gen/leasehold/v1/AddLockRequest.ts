// Original file: proto/leasehold/v1/admin.proto

import type { Selector as _leasehold_v1_Selector, Selector__Output as _leasehold_v1_Selector__Output } from '../../leasehold/v1/Selector.ts';

/**
 * Request of AddLock.
 */
export interface AddLockRequest {
  /**
   * Whom to refuse. Must not be empty; may not name a session.
   */
  'selector'?: (_leasehold_v1_Selector | null);
  /**
   * Why, in words. 1 to 500 characters.
   */
  'reason'?: (string);
  /**
   * Only say what would be refused and revoked.
   */
  'dryRun'?: (boolean);
}

/**
 * Request of AddLock.
 */
export interface AddLockRequest__Output {
  /**
   * Whom to refuse. Must not be empty; may not name a session.
   */
  'selector': (_leasehold_v1_Selector__Output | null);
  /**
   * Why, in words. 1 to 500 characters.
   */
  'reason': (string);
  /**
   * Only say what would be refused and revoked.
   */
  'dryRun': (boolean);
}
