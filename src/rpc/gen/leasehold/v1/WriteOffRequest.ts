// Original file: proto/leasehold/v1/admin.proto


/**
 * Request of WriteOff.
 */
export interface WriteOffRequest {
  /**
   * Id of the credential, from GetSession.
   */
  'credential'?: (string);
  /**
   * Why, in words. 1 to 500 characters.
   */
  'reason'?: (string);
}

/**
 * Request of WriteOff.
 */
export interface WriteOffRequest__Output {
  /**
   * Id of the credential, from GetSession.
   */
  'credential': (string);
  /**
   * Why, in words. 1 to 500 characters.
   */
  'reason': (string);
}
