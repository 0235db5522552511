// Original file: proto/leasehold/v1/workload.proto

import type { RevokeReason as _leasehold_v1_RevokeReason, RevokeReason__Output as _leasehold_v1_RevokeReason__Output } from '../../leasehold/v1/RevokeReason.ts';

/**
 * The session is over.
 */
export interface Revoked {
  /**
   * Session whose files must go.
   */
  'sessionId'?: (string);
  /**
   * Why.
   */
  'reason'?: (_leasehold_v1_RevokeReason);
  /**
   * True when opening the bundle again may succeed.
   */
  'mayReopen'?: (boolean);
}

/**
 * The session is over.
 */
export interface Revoked__Output {
  /**
   * Session whose files must go.
   */
  'sessionId': (string);
  /**
   * Why.
   */
  'reason': (_leasehold_v1_RevokeReason__Output);
  /**
   * True when opening the bundle again may succeed.
   */
  'mayReopen': (boolean);
}
