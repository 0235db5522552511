// Original file: proto/leasehold/v1/workload.proto

import type { SecretFields as _leasehold_v1_SecretFields, SecretFields__Output as _leasehold_v1_SecretFields__Output } from '../../leasehold/v1/SecretFields.ts';

/**
 * One secret of a generation.
 */
export interface SecretValue {
  /**
   * Name within the bundle.
   */
  'name'?: (string);
  /**
   * New raw values.
   */
  'fields'?: (_leasehold_v1_SecretFields | null);
  /**
   * True: the holder's current raw values of this secret still stand.
   */
  'unchanged'?: (boolean);
  'content'?: "fields"|"unchanged";
}

/**
 * One secret of a generation.
 */
export interface SecretValue__Output {
  /**
   * Name within the bundle.
   */
  'name': (string);
  /**
   * New raw values.
   */
  'fields'?: (_leasehold_v1_SecretFields__Output | null);
  /**
   * True: the holder's current raw values of this secret still stand.
   */
  'unchanged'?: (boolean);
  'content'?: "fields"|"unchanged";
}
