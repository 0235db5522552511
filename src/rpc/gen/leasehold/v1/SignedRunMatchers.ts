// Original file: proto/leasehold/v1/run.proto


/**
 * A set with the broker's signature, to be kept as it came: whoever reads it later need not ask where it has been.
 */
export interface SignedRunMatchers {
  /**
   * A `RunMatcherSet`, the very bytes that were signed. Nothing in them counts before the signature has been checked.
   */
  'set'?: (Buffer | Uint8Array | string);
  /**
   * By the key of the broker's TLS certificate on the listener for nodes and signers, over 64 spaces, `leasehold matchers v1`, a zero byte and the set:
   * as TLS 1.3 signs handshakes, with other words. ECDSA with the digest that belongs to the curve (P-256 SHA-256, P-384 SHA-384, P-521 SHA-512;
   * DER), Ed25519, Ed448, or RSASSA-PSS with SHA-256 and a salt of 32 bytes. The key's type says which one; nothing is negotiated.
   */
  'signature'?: (Buffer | Uint8Array | string);
  /**
   * That certificate, and after it those that lead to the authority which nodes and signers trust. DER.
   */
  'certificates'?: (Buffer | Uint8Array | string)[];
}

/**
 * A set with the broker's signature, to be kept as it came: whoever reads it later need not ask where it has been.
 */
export interface SignedRunMatchers__Output {
  /**
   * A `RunMatcherSet`, the very bytes that were signed. Nothing in them counts before the signature has been checked.
   */
  'set': (Buffer);
  /**
   * By the key of the broker's TLS certificate on the listener for nodes and signers, over 64 spaces, `leasehold matchers v1`, a zero byte and the set:
   * as TLS 1.3 signs handshakes, with other words. ECDSA with the digest that belongs to the curve (P-256 SHA-256, P-384 SHA-384, P-521 SHA-512;
   * DER), Ed25519, Ed448, or RSASSA-PSS with SHA-256 and a salt of 32 bytes. The key's type says which one; nothing is negotiated.
   */
  'signature': (Buffer);
  /**
   * That certificate, and after it those that lead to the authority which nodes and signers trust. DER.
   */
  'certificates': (Buffer)[];
}
