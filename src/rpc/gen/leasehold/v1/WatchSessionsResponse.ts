// Original file: proto/leasehold/v1/admin.proto

import type { Session as _leasehold_v1_Session, Session__Output as _leasehold_v1_Session__Output } from '../../leasehold/v1/Session.ts';

/**
 * One change.
 */
export interface WatchSessionsResponse {
  /**
   * The session as it is now.
   */
  'session'?: (_leasehold_v1_Session | null);
}

/**
 * One change.
 */
export interface WatchSessionsResponse__Output {
  /**
   * The session as it is now.
   */
  'session': (_leasehold_v1_Session__Output | null);
}
