// Original file: proto/leasehold/v1/admin.proto


/**
 * Request of WithdrawEnrolmentTokens.
 */
export interface WithdrawEnrolmentTokensRequest {
  /**
   * Cluster of a batch scheduler.
   */
  'cluster'?: (string);
  /**
   * Name of the node, exact; refused when it has no token that could be withdrawn. Not together with `all`.
   */
  'node'?: (string);
  /**
   * All nodes of the cluster. Must be said, never implied.
   */
  'all'?: (boolean);
  /**
   * Why, in words; 1 to 500 characters.
   */
  'reason'?: (string);
}

/**
 * Request of WithdrawEnrolmentTokens.
 */
export interface WithdrawEnrolmentTokensRequest__Output {
  /**
   * Cluster of a batch scheduler.
   */
  'cluster': (string);
  /**
   * Name of the node, exact; refused when it has no token that could be withdrawn. Not together with `all`.
   */
  'node': (string);
  /**
   * All nodes of the cluster. Must be said, never implied.
   */
  'all': (boolean);
  /**
   * Why, in words; 1 to 500 characters.
   */
  'reason': (string);
}
