// Original file: proto/leasehold/v1/admin.proto


/**
 * Request of GetSession.
 */
export interface GetSessionRequest {
  /**
   * Session id.
   */
  'id'?: (string);
}

/**
 * Request of GetSession.
 */
export interface GetSessionRequest__Output {
  /**
   * Session id.
   */
  'id': (string);
}
