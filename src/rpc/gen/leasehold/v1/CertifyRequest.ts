// Original file: proto/leasehold/v1/node.proto


/**
 * Request of Certify.
 */
export interface CertifyRequest {
  /**
   * One-time token; empty on the listener for nodes. The same token with the same key may be shown again while it lives.
   */
  'token'?: (Buffer | Uint8Array | string);
  /**
   * PKCS #10 in DER: a P-256 key, no subject, no attributes. On the listener for nodes, of the key that the connection has shown.
   */
  'request'?: (Buffer | Uint8Array | string);
}

/**
 * Request of Certify.
 */
export interface CertifyRequest__Output {
  /**
   * One-time token; empty on the listener for nodes. The same token with the same key may be shown again while it lives.
   */
  'token': (Buffer);
  /**
   * PKCS #10 in DER: a P-256 key, no subject, no attributes. On the listener for nodes, of the key that the connection has shown.
   */
  'request': (Buffer);
}
