// Original file: proto/leasehold/v1/admin.proto


/**
 * The token of one node. Whoever has it can become that node: it goes to the node alone.
 */
export interface EnrolmentToken {
  /**
   * Node name.
   */
  'node'?: (string);
  /**
   * Printable text.
   */
  'token'?: (Buffer | Uint8Array | string);
}

/**
 * The token of one node. Whoever has it can become that node: it goes to the node alone.
 */
export interface EnrolmentToken__Output {
  /**
   * Node name.
   */
  'node': (string);
  /**
   * Printable text.
   */
  'token': (Buffer);
}
