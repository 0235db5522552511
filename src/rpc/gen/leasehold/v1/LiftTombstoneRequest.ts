// Original file: proto/leasehold/v1/admin.proto


/**
 * Request of LiftTombstone.
 */
export interface LiftTombstoneRequest {
  /**
   * Workload instance id.
   */
  'workload'?: (string);
  /**
   * Bundle.
   */
  'bundle'?: (string);
  /**
   * Why, in words. 1 to 500 characters.
   */
  'reason'?: (string);
}

/**
 * Request of LiftTombstone.
 */
export interface LiftTombstoneRequest__Output {
  /**
   * Workload instance id.
   */
  'workload': (string);
  /**
   * Bundle.
   */
  'bundle': (string);
  /**
   * Why, in words. 1 to 500 characters.
   */
  'reason': (string);
}
