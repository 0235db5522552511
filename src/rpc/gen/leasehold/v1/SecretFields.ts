// Original file: proto/leasehold/v1/workload.proto


/**
 * Raw values of one secret.
 */
export interface SecretFields {
  /**
   * Field name to bytes, as the backend gave them (JSON text for fields that are not strings).
   */
  'fields'?: ({[key: string]: Buffer | Uint8Array | string});
}

/**
 * Raw values of one secret.
 */
export interface SecretFields__Output {
  /**
   * Field name to bytes, as the backend gave them (JSON text for fields that are not strings).
   */
  'fields': ({[key: string]: Buffer});
}
