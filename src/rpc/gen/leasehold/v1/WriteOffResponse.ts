// Original file: proto/leasehold/v1/admin.proto

import type { Session as _leasehold_v1_Session, Session__Output as _leasehold_v1_Session__Output } from '../../leasehold/v1/Session.ts';

/**
 * Response of WriteOff.
 */
export interface WriteOffResponse {
  /**
   * The session it belongs to, as it is now.
   */
  'session'?: (_leasehold_v1_Session | null);
}

/**
 * Response of WriteOff.
 */
export interface WriteOffResponse__Output {
  /**
   * The session it belongs to, as it is now.
   */
  'session': (_leasehold_v1_Session__Output | null);
}
