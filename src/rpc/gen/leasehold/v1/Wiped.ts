// Original file: proto/leasehold/v1/workload.proto


/**
 * The holder's word that no file of the session is left. Reported to people as the holder's statement, not as proof.
 */
export interface Wiped {
  /**
   * Session whose files were removed.
   */
  'sessionId'?: (string);
}

/**
 * The holder's word that no file of the session is left. Reported to people as the holder's statement, not as proof.
 */
export interface Wiped__Output {
  /**
   * Session whose files were removed.
   */
  'sessionId': (string);
}
