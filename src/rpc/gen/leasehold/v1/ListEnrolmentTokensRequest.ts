// Original file: proto/leasehold/v1/admin.proto


/**
 * Request of ListEnrolmentTokens.
 */
export interface ListEnrolmentTokensRequest {
  /**
   * Cluster of a batch scheduler, exact; empty for all.
   */
  'cluster'?: (string);
  /**
   * Only those that can still be used for the first time.
   */
  'unused'?: (boolean);
  /**
   * 1 to 1000; 0 for 200.
   */
  'pageSize'?: (number);
  /**
   * From the response before; empty for the first page.
   */
  'pageToken'?: (string);
}

/**
 * Request of ListEnrolmentTokens.
 */
export interface ListEnrolmentTokensRequest__Output {
  /**
   * Cluster of a batch scheduler, exact; empty for all.
   */
  'cluster': (string);
  /**
   * Only those that can still be used for the first time.
   */
  'unused': (boolean);
  /**
   * 1 to 1000; 0 for 200.
   */
  'pageSize': (number);
  /**
   * From the response before; empty for the first page.
   */
  'pageToken': (string);
}
