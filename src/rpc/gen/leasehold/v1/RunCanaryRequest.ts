// Original file: proto/leasehold/v1/admin.proto


/**
 * Request of RunCanary.
 */
export interface RunCanaryRequest {
  /**
   * Engine path.
   */
  'path'?: (string);
}

/**
 * Request of RunCanary.
 */
export interface RunCanaryRequest__Output {
  /**
   * Engine path.
   */
  'path': (string);
}
