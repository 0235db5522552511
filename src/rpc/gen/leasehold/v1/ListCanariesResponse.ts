// Original file: proto/leasehold/v1/admin.proto

import type { Canary as _leasehold_v1_Canary, Canary__Output as _leasehold_v1_Canary__Output } from '../../leasehold/v1/Canary.ts';

/**
 * Response of ListCanaries.
 */
export interface ListCanariesResponse {
  /**
   * False where the configuration of this broker asks for none; there are no canaries then.
   */
  'enabled'?: (boolean);
  /**
   * One for each path, in the order of their bundles' names.
   */
  'canaries'?: (_leasehold_v1_Canary)[];
}

/**
 * Response of ListCanaries.
 */
export interface ListCanariesResponse__Output {
  /**
   * False where the configuration of this broker asks for none; there are no canaries then.
   */
  'enabled': (boolean);
  /**
   * One for each path, in the order of their bundles' names.
   */
  'canaries': (_leasehold_v1_Canary__Output)[];
}
