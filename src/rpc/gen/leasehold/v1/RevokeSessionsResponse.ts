// Original file: proto/leasehold/v1/admin.proto

import type { Session as _leasehold_v1_Session, Session__Output as _leasehold_v1_Session__Output } from '../../leasehold/v1/Session.ts';

/**
 * Progress of a revocation: one message per session and change.
 */
export interface RevokeSessionsResponse {
  /**
   * The session as it is now.
   */
  'session'?: (_leasehold_v1_Session | null);
  /**
   * Sessions that matched in all.
   */
  'matched'?: (number);
  /**
   * Of those, fully settled and confirmed so far.
   */
  'settled'?: (number);
}

/**
 * Progress of a revocation: one message per session and change.
 */
export interface RevokeSessionsResponse__Output {
  /**
   * The session as it is now.
   */
  'session': (_leasehold_v1_Session__Output | null);
  /**
   * Sessions that matched in all.
   */
  'matched': (number);
  /**
   * Of those, fully settled and confirmed so far.
   */
  'settled': (number);
}
