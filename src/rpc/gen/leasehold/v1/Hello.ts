// Original file: proto/leasehold/v1/workload.proto


/**
 * Introduces the holder.
 */
export interface Hello {
  /**
   * The projected service-account token: proof, verified before anything else is read. On the listener for nodes, where the client
   * certificate is the proof, a run reference: JSON `{"job":<id>,"uid":<number>}`, with `"run":"<workload id>"` beside it when
   * the node has that run's files already.
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
   * The projected service-account token: proof, verified before anything else is read. On the listener for nodes, where the client
   * certificate is the proof, a run reference: JSON `{"job":<id>,"uid":<number>}`, with `"run":"<workload id>"` beside it when
   * the node has that run's files already.
   */
  'credential': (Buffer);
  /**
   * Program and version of the holder, for logs only. At most 64 bytes; not trusted.
   */
  'agent': (string);
}
