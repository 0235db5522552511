// Original file: proto/leasehold/v1/run.proto


/**
 * What the broker made of it.
 */
export interface EndRunResponse {
  /**
   * False when no such run is registered: there is nothing to end.
   */
  'known'?: (boolean);
}

/**
 * What the broker made of it.
 */
export interface EndRunResponse__Output {
  /**
   * False when no such run is registered: there is nothing to end.
   */
  'known': (boolean);
}
