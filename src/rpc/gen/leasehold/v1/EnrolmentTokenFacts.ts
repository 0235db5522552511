// Original file: proto/leasehold/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

/**
 * What is known of the token of one node.
 */
export interface EnrolmentTokenFacts {
  /**
   * Cluster of a batch scheduler.
   */
  'cluster'?: (string);
  /**
   * Node name.
   */
  'node'?: (string);
  /**
   * Who made it, `admin:<name>`; empty when that is not known.
   */
  'by'?: (string);
  /**
   * When it was made; milliseconds since the Unix epoch.
   */
  'madeAtMs'?: (number | string | Long);
  /**
   * When it expires; milliseconds since the Unix epoch.
   */
  'expiresAtMs'?: (number | string | Long);
  /**
   * unused, spent or expired.
   */
  'state'?: (string);
  /**
   * SHA-256 of the public key that has spent it, hex; empty when none has.
   */
  'key'?: (string);
}

/**
 * What is known of the token of one node.
 */
export interface EnrolmentTokenFacts__Output {
  /**
   * Cluster of a batch scheduler.
   */
  'cluster': (string);
  /**
   * Node name.
   */
  'node': (string);
  /**
   * Who made it, `admin:<name>`; empty when that is not known.
   */
  'by': (string);
  /**
   * When it was made; milliseconds since the Unix epoch.
   */
  'madeAtMs': (number);
  /**
   * When it expires; milliseconds since the Unix epoch.
   */
  'expiresAtMs': (number);
  /**
   * unused, spent or expired.
   */
  'state': (string);
  /**
   * SHA-256 of the public key that has spent it, hex; empty when none has.
   */
  'key': (string);
}
