// Original file: proto/leasehold/v1/workload.proto


/**
 * Introduces the holder.
 */
export interface Hello {
  /**
   * The projected service-account token, or the run reference of a node agent. Proof; verified before anything else is read.
   */
  'credential'?: (Buffer | Uint8Array | string);
  /**
   * Program and version of the holder, for logs only. At most 64 bytes; not trusted.
   */
  'agent'?: (string);
}

/**
 * Introduces the holder.
 */
export interface Hello__Output {
  /**
   * The projected service-account token, or the run reference of a node agent. Proof; verified before anything else is read.
   */
  'credential': (Buffer);
  /**
   * Program and version of the holder, for logs only. At most 64 bytes; not trusted.
   */
  'agent': (string);
}
