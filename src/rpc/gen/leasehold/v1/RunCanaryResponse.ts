// Original file: proto/leasehold/v1/admin.proto

import type { Canary as _leasehold_v1_Canary, Canary__Output as _leasehold_v1_Canary__Output } from '../../leasehold/v1/Canary.ts';

/**
 * Response of RunCanary: it was issued and its revocation has begun, or nothing could be issued. ListCanaries says what comes of it.
 */
export interface RunCanaryResponse {
  /**
   * Its session; empty when none was sent because one is under way or has left something that has to go first.
   */
  'session'?: (string);
  /**
   * How the path stands.
   */
  'canary'?: (_leasehold_v1_Canary | null);
}

/**
 * Response of RunCanary: it was issued and its revocation has begun, or nothing could be issued. ListCanaries says what comes of it.
 */
export interface RunCanaryResponse__Output {
  /**
   * Its session; empty when none was sent because one is under way or has left something that has to go first.
   */
  'session': (string);
  /**
   * How the path stands.
   */
  'canary': (_leasehold_v1_Canary__Output | null);
}
