// Original file: proto/leasehold/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

/**
 * One holder of a session.
 */
export interface Holder {
  /**
   * Name: `pod`, or a node's.
   */
  'name'?: (string);
  /**
   * Attached to a broker now.
   */
  'attached'?: (boolean);
  /**
   * Generation it has acknowledged; 0 for none.
   */
  'generation'?: (number | string | Long);
  /**
   * When it acknowledged; milliseconds since the Unix epoch, 0 for never.
   */
  'deliveredAtMs'?: (number | string | Long);
  /**
   * When it said its files are gone; 0 for never. The holder's statement.
   */
  'wipedAtMs'?: (number | string | Long);
}

/**
 * One holder of a session.
 */
export interface Holder__Output {
  /**
   * Name: `pod`, or a node's.
   */
  'name': (string);
  /**
   * Attached to a broker now.
   */
  'attached': (boolean);
  /**
   * Generation it has acknowledged; 0 for none.
   */
  'generation': (number);
  /**
   * When it acknowledged; milliseconds since the Unix epoch, 0 for never.
   */
  'deliveredAtMs': (number);
  /**
   * When it said its files are gone; 0 for never. The holder's statement.
   */
  'wipedAtMs': (number);
}
