// Original file: proto/leasehold/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

/**
 * How a dynamic path stands by the last credential that was issued there for nobody and taken back.
 */
export interface Canary {
  /**
   * Engine path.
   */
  'path'?: (string);
  /**
   * Bundle whose token role is used.
   */
  'bundle'?: (string);
  /**
   * waiting, passed, issue_failed or revoke_failed.
   */
  'outcome'?: (string);
  /**
   * Error code of a failure; empty otherwise.
   */
  'why'?: (string);
  /**
   * When the canary that says so began; milliseconds since the Unix epoch, 0 for none.
   */
  'ranAtMs'?: (number | string | Long);
  /**
   * Its session; empty for none.
   */
  'session'?: (string);
  /**
   * When the last one that passed had been seen gone; 0 for never.
   */
  'passedAtMs'?: (number | string | Long);
  /**
   * When the next one is due; 0 while one is under way or has left something that has to go first.
   */
  'nextAtMs'?: (number | string | Long);
}

/**
 * How a dynamic path stands by the last credential that was issued there for nobody and taken back.
 */
export interface Canary__Output {
  /**
   * Engine path.
   */
  'path': (string);
  /**
   * Bundle whose token role is used.
   */
  'bundle': (string);
  /**
   * waiting, passed, issue_failed or revoke_failed.
   */
  'outcome': (string);
  /**
   * Error code of a failure; empty otherwise.
   */
  'why': (string);
  /**
   * When the canary that says so began; milliseconds since the Unix epoch, 0 for none.
   */
  'ranAtMs': (number);
  /**
   * Its session; empty for none.
   */
  'session': (string);
  /**
   * When the last one that passed had been seen gone; 0 for never.
   */
  'passedAtMs': (number);
  /**
   * When the next one is due; 0 while one is under way or has left something that has to go first.
   */
  'nextAtMs': (number);
}
