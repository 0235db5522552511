// Original file: proto/leasehold/v1/admin.proto


/**
 * Request of MakeEnrolmentTokens.
 */
export interface MakeEnrolmentTokensRequest {
  /**
   * Cluster of a batch scheduler.
   */
  'cluster'?: (string);
  /**
   * Names of its nodes, exact; 1 to 4096, each once.
   */
  'nodes'?: (string)[];
  /**
   * How long the tokens can be used, in seconds; 60 to 604800.
   */
  'ttlSeconds'?: (number);
}

/**
 * Request of MakeEnrolmentTokens.
 */
export interface MakeEnrolmentTokensRequest__Output {
  /**
   * Cluster of a batch scheduler.
   */
  'cluster': (string);
  /**
   * Names of its nodes, exact; 1 to 4096, each once.
   */
  'nodes': (string)[];
  /**
   * How long the tokens can be used, in seconds; 60 to 604800.
   */
  'ttlSeconds': (number);
}
