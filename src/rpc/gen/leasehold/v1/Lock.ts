// Original file: proto/leasehold/v1/admin.proto

import type { Selector as _leasehold_v1_Selector, Selector__Output as _leasehold_v1_Selector__Output } from '../../leasehold/v1/Selector.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * A refusal that stands until it is removed.
 */
export interface Lock {
  /**
   * Id, random.
   */
  'id'?: (string);
  /**
   * Whom it refuses.
   */
  'selector'?: (_leasehold_v1_Selector | null);
  /**
   * Why, in words.
   */
  'reason'?: (string);
  /**
   * Who added it, from the client certificate.
   */
  'by'?: (string);
  /**
   * Milliseconds since the Unix epoch.
   */
  'createdAtMs'?: (number | string | Long);
}

/**
 * A refusal that stands until it is removed.
 */
export interface Lock__Output {
  /**
   * Id, random.
   */
  'id': (string);
  /**
   * Whom it refuses.
   */
  'selector': (_leasehold_v1_Selector__Output | null);
  /**
   * Why, in words.
   */
  'reason': (string);
  /**
   * Who added it, from the client certificate.
   */
  'by': (string);
  /**
   * Milliseconds since the Unix epoch.
   */
  'createdAtMs': (number);
}
