// Original file: proto/leasehold/v1/admin.proto

import type { Lock as _leasehold_v1_Lock, Lock__Output as _leasehold_v1_Lock__Output } from '../../leasehold/v1/Lock.ts';
import type { Session as _leasehold_v1_Session, Session__Output as _leasehold_v1_Session__Output } from '../../leasehold/v1/Session.ts';

/**
 * Response of AddLock.
 */
export interface AddLockResponse {
  /**
   * The lock; without id on a dry run.
   */
  'lock'?: (_leasehold_v1_Lock | null);
  /**
   * Sessions whose revocation it started (or would).
   */
  'sessions'?: (_leasehold_v1_Session)[];
}

/**
 * Response of AddLock.
 */
export interface AddLockResponse__Output {
  /**
   * The lock; without id on a dry run.
   */
  'lock': (_leasehold_v1_Lock__Output | null);
  /**
   * Sessions whose revocation it started (or would).
   */
  'sessions': (_leasehold_v1_Session__Output)[];
}
