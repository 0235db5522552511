// Original file: proto/leasehold/v1/admin.proto


/**
 * Response of WithdrawEnrolmentTokens.
 */
export interface WithdrawEnrolmentTokensResponse {
  /**
   * Names of the nodes whose tokens were withdrawn, in order.
   */
  'nodes'?: (string)[];
}

/**
 * Response of WithdrawEnrolmentTokens.
 */
export interface WithdrawEnrolmentTokensResponse__Output {
  /**
   * Names of the nodes whose tokens were withdrawn, in order.
   */
  'nodes': (string)[];
}
