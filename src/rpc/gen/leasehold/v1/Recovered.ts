// Original file: proto/leasehold/v1/workload.proto


/**
 * The trouble is over.
 */
export interface Recovered {
  /**
   * Session concerned.
   */
  'sessionId'?: (string);
}

/**
 * The trouble is over.
 */
export interface Recovered__Output {
  /**
   * Session concerned.
   */
  'sessionId': (string);
}
