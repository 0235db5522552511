// Original file: proto/leasehold/v1/node.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Response of Certify.
 */
export interface CertifyResponse {
  /**
   * The node's certificate and those between it and the root; PEM.
   */
  'certificates'?: (Buffer | Uint8Array | string);
  /**
   * When it expires; milliseconds since the Unix epoch.
   */
  'expiresAtMs'?: (number | string | Long);
}

/**
 * Response of Certify.
 */
export interface CertifyResponse__Output {
  /**
   * The node's certificate and those between it and the root; PEM.
   */
  'certificates': (Buffer);
  /**
   * When it expires; milliseconds since the Unix epoch.
   */
  'expiresAtMs': (number);
}
