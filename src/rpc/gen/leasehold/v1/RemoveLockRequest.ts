// Original file: proto/leasehold/v1/admin.proto


/**
 * Request of RemoveLock.
 */
export interface RemoveLockRequest {
  /**
   * Lock id.
   */
  'id'?: (string);
  /**
   * Why, in words. 1 to 500 characters.
   */
  'reason'?: (string);
}

/**
 * Request of RemoveLock.
 */
export interface RemoveLockRequest__Output {
  /**
   * Lock id.
   */
  'id': (string);
  /**
   * Why, in words. 1 to 500 characters.
   */
  'reason': (string);
}
