// Original file: proto/leasehold/v1/workload.proto


/**
 * Asks for one bundle.
 */
export interface Open {
  /**
   * Name of the bundle as the broker's policy spells it. A claim, checked against grants.
   */
  'bundle'?: (string);
  /**
   * Random, 16 to 64 characters of A-Z a-z 0-9 - _, the same on a retry of the same wish. Unique per workload and bundle.
   */
  'requestKey'?: (string);
  /**
   * Set to resume: the session that the holder believes it has. Must belong to the proved workload.
   */
  'sessionId'?: (string);
  /**
   * Set to resume: the generation whose files are still in place.
   */
  'generationId'?: (string);
}

/**
 * Asks for one bundle.
 */
export interface Open__Output {
  /**
   * Name of the bundle as the broker's policy spells it. A claim, checked against grants.
   */
  'bundle': (string);
  /**
   * Random, 16 to 64 characters of A-Z a-z 0-9 - _, the same on a retry of the same wish. Unique per workload and bundle.
   */
  'requestKey': (string);
  /**
   * Set to resume: the session that the holder believes it has. Must belong to the proved workload.
   */
  'sessionId': (string);
  /**
   * Set to resume: the generation whose files are still in place.
   */
  'generationId': (string);
}
