// Original file: proto/leasehold/v1/admin.proto

import type { Session as _leasehold_v1_Session, Session__Output as _leasehold_v1_Session__Output } from '../../leasehold/v1/Session.ts';

/**
 * Response of RotateSessions.
 */
export interface RotateSessionsResponse {
  /**
   * Sessions whose rotation was queued (or would be).
   */
  'sessions'?: (_leasehold_v1_Session)[];
}

/**
 * Response of RotateSessions.
 */
export interface RotateSessionsResponse__Output {
  /**
   * Sessions whose rotation was queued (or would be).
   */
  'sessions': (_leasehold_v1_Session__Output)[];
}
