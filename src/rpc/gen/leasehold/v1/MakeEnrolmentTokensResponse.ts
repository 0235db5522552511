// Original file: proto/leasehold/v1/admin.proto

import type { EnrolmentToken as _leasehold_v1_EnrolmentToken, EnrolmentToken__Output as _leasehold_v1_EnrolmentToken__Output } from '../../leasehold/v1/EnrolmentToken.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * Response of MakeEnrolmentTokens.
 */
export interface MakeEnrolmentTokensResponse {
  /**
   * In the order of the request.
   */
  'tokens'?: (_leasehold_v1_EnrolmentToken)[];
  /**
   * When they expire; milliseconds since the Unix epoch.
   */
  'expiresAtMs'?: (number | string | Long);
}

/**
 * Response of MakeEnrolmentTokens.
 */
export interface MakeEnrolmentTokensResponse__Output {
  /**
   * In the order of the request.
   */
  'tokens': (_leasehold_v1_EnrolmentToken__Output)[];
  /**
   * When they expire; milliseconds since the Unix epoch.
   */
  'expiresAtMs': (number);
}
