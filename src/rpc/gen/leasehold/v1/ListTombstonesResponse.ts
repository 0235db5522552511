// Original file: proto/leasehold/v1/admin.proto

import type { Tombstone as _leasehold_v1_Tombstone, Tombstone__Output as _leasehold_v1_Tombstone__Output } from '../../leasehold/v1/Tombstone.ts';

/**
 * Response of ListTombstones.
 */
export interface ListTombstonesResponse {
  /**
   * All tombstones, oldest first.
   */
  'tombstones'?: (_leasehold_v1_Tombstone)[];
}

/**
 * Response of ListTombstones.
 */
export interface ListTombstonesResponse__Output {
  /**
   * All tombstones, oldest first.
   */
  'tombstones': (_leasehold_v1_Tombstone__Output)[];
}
