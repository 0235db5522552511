// Original file: proto/leasehold/v1/admin.proto

import type { EnrolmentTokenFacts as _leasehold_v1_EnrolmentTokenFacts, EnrolmentTokenFacts__Output as _leasehold_v1_EnrolmentTokenFacts__Output } from '../../leasehold/v1/EnrolmentTokenFacts.ts';

/**
 * Response of ListEnrolmentTokens.
 */
export interface ListEnrolmentTokensResponse {
  /**
   * By cluster and node. A node has one at most: the newest.
   */
  'tokens'?: (_leasehold_v1_EnrolmentTokenFacts)[];
  /**
   * Empty on the last page.
   */
  'nextPageToken'?: (string);
}

/**
 * Response of ListEnrolmentTokens.
 */
export interface ListEnrolmentTokensResponse__Output {
  /**
   * By cluster and node. A node has one at most: the newest.
   */
  'tokens': (_leasehold_v1_EnrolmentTokenFacts__Output)[];
  /**
   * Empty on the last page.
   */
  'nextPageToken': (string);
}
