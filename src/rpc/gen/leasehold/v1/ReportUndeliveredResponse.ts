// Original file: proto/leasehold/v1/run.proto


/**
 * The word is kept.
 */
export interface ReportUndeliveredResponse {
  /**
   * True when the policy wants the job cancelled.
   */
  'cancels'?: (boolean);
}

/**
 * The word is kept.
 */
export interface ReportUndeliveredResponse__Output {
  /**
   * True when the policy wants the job cancelled.
   */
  'cancels': (boolean);
}
