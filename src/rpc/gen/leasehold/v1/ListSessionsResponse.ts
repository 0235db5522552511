// Original file: proto/leasehold/v1/admin.proto

import type { Session as _leasehold_v1_Session, Session__Output as _leasehold_v1_Session__Output } from '../../leasehold/v1/Session.ts';

/**
 * Response of ListSessions.
 */
export interface ListSessionsResponse {
  /**
   * A page of sessions.
   */
  'sessions'?: (_leasehold_v1_Session)[];
  /**
   * Empty on the last page.
   */
  'nextPageToken'?: (string);
}

/**
 * Response of ListSessions.
 */
export interface ListSessionsResponse__Output {
  /**
   * A page of sessions.
   */
  'sessions': (_leasehold_v1_Session__Output)[];
  /**
   * Empty on the last page.
   */
  'nextPageToken': (string);
}
