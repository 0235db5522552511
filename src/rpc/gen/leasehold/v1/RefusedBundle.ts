// Original file: proto/leasehold/v1/run.proto


/**
 * A bundle that a job asked for and does not get.
 */
export interface RefusedBundle {
  /**
   * Name as it was asked for.
   */
  'bundle'?: (string);
  /**
   * One of the documented error codes.
   */
  'code'?: (string);
}

/**
 * A bundle that a job asked for and does not get.
 */
export interface RefusedBundle__Output {
  /**
   * Name as it was asked for.
   */
  'bundle': (string);
  /**
   * One of the documented error codes.
   */
  'code': (string);
}
