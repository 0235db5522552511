// Original file: proto/leasehold/v1/run.proto

import type { Long } from '@grpc/proto-loader';

/**
 * One run, as the scheduler names it.
 */
export interface RunName {
  /**
   * Job id.
   */
  'jobId'?: (number | string | Long);
  /**
   * Start that the controller gave the run; seconds since the Unix epoch. Not zero.
   */
  'start'?: (number | string | Long);
}

/**
 * One run, as the scheduler names it.
 */
export interface RunName__Output {
  /**
   * Job id.
   */
  'jobId': (number);
  /**
   * Start that the controller gave the run; seconds since the Unix epoch. Not zero.
   */
  'start': (number);
}
