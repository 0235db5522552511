// Original file: proto/leasehold/v1/workload.proto


/**
 * A bundle was refused.
 */
export interface Refused {
  /**
   * Bundle that was asked for.
   */
  'bundle'?: (string);
  /**
   * One of the documented error codes.
   */
  'code'?: (string);
  /**
   * Fixed text for people.
   */
  'message'?: (string);
  /**
   * When trying again makes sense, in milliseconds; 0 when it does not.
   */
  'retryAfterMs'?: (number);
}

/**
 * A bundle was refused.
 */
export interface Refused__Output {
  /**
   * Bundle that was asked for.
   */
  'bundle': (string);
  /**
   * One of the documented error codes.
   */
  'code': (string);
  /**
   * Fixed text for people.
   */
  'message': (string);
  /**
   * When trying again makes sense, in milliseconds; 0 when it does not.
   */
  'retryAfterMs': (number);
}
