// Original file: proto/leasehold/v1/run.proto


/**
 * What followed from the report.
 */
export interface ReportRunsResponse {
  /**
   * Runs that the broker knew as active and that have ended.
   */
  'ended'?: (number);
}

/**
 * What followed from the report.
 */
export interface ReportRunsResponse__Output {
  /**
   * Runs that the broker knew as active and that have ended.
   */
  'ended': (number);
}
