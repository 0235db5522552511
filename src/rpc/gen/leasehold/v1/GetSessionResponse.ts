// Original file: proto/leasehold/v1/admin.proto

import type { Session as _leasehold_v1_Session, Session__Output as _leasehold_v1_Session__Output } from '../../leasehold/v1/Session.ts';

/**
 * Response of GetSession.
 */
export interface GetSessionResponse {
  /**
   * The session.
   */
  'session'?: (_leasehold_v1_Session | null);
}

/**
 * Response of GetSession.
 */
export interface GetSessionResponse__Output {
  /**
   * The session.
   */
  'session': (_leasehold_v1_Session__Output | null);
}
