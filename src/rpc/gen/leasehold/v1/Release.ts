// Original file: proto/leasehold/v1/workload.proto


/**
 * Gives a session up.
 */
export interface Release {
  /**
   * Session to revoke. Must belong to the proved workload.
   */
  'sessionId'?: (string);
}

/**
 * Gives a session up.
 */
export interface Release__Output {
  /**
   * Session to revoke. Must belong to the proved workload.
   */
  'sessionId': (string);
}
