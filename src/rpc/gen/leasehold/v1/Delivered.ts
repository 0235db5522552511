// Original file: proto/leasehold/v1/workload.proto


/**
 * The holder acknowledges a generation; the credentials of the one before may go once all holders have done so.
 */
export interface Delivered {
  /**
   * Session the generation belongs to.
   */
  'sessionId'?: (string);
  /**
   * Generation that is now visible to the application.
   */
  'generationId'?: (string);
}

/**
 * The holder acknowledges a generation; the credentials of the one before may go once all holders have done so.
 */
export interface Delivered__Output {
  /**
   * Session the generation belongs to.
   */
  'sessionId': (string);
  /**
   * Generation that is now visible to the application.
   */
  'generationId': (string);
}
