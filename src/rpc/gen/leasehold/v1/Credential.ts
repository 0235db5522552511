// Original file: proto/leasehold/v1/workload.proto


/**
 * A fresh credential of the same workload.
 */
export interface Credential {
  /**
   * Like Hello.credential. A credential of another workload ends the stream.
   */
  'credential'?: (Buffer | Uint8Array | string);
}

/**
 * A fresh credential of the same workload.
 */
export interface Credential__Output {
  /**
   * Like Hello.credential. A credential of another workload ends the stream.
   */
  'credential': (Buffer);
}
