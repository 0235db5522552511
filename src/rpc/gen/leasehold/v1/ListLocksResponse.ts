// Original file: proto/leasehold/v1/admin.proto

import type { Lock as _leasehold_v1_Lock, Lock__Output as _leasehold_v1_Lock__Output } from '../../leasehold/v1/Lock.ts';

/**
 * Response of ListLocks.
 */
export interface ListLocksResponse {
  /**
   * All locks, oldest first.
   */
  'locks'?: (_leasehold_v1_Lock)[];
}

/**
 * Response of ListLocks.
 */
export interface ListLocksResponse__Output {
  /**
   * All locks, oldest first.
   */
  'locks': (_leasehold_v1_Lock__Output)[];
}
