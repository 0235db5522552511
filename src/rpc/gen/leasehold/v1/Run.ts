// Original file: proto/leasehold/v1/workload.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A run, as the scheduler's signer vouched for it.
 */
export interface Run {
  /**
   * Bundles that this node is to open, one by one.
   */
  'bundles'?: (string)[];
  /**
   * Owner of the job, who owns its files.
   */
  'uid'?: (number);
  /**
   * The owner's primary group.
   */
  'gid'?: (number);
  /**
   * Start of the run; seconds since the Unix epoch.
   */
  'start'?: (number | string | Long);
  /**
   * How often the job was started before, as the controller said when it registered the run. For comparing with what a task sees, not a key.
   */
  'restarts'?: (number);
}

/**
 * A run, as the scheduler's signer vouched for it.
 */
export interface Run__Output {
  /**
   * Bundles that this node is to open, one by one.
   */
  'bundles': (string)[];
  /**
   * Owner of the job, who owns its files.
   */
  'uid': (number);
  /**
   * The owner's primary group.
   */
  'gid': (number);
  /**
   * Start of the run; seconds since the Unix epoch.
   */
  'start': (number);
  /**
   * How often the job was started before, as the controller said when it registered the run. For comparing with what a task sees, not a key.
   */
  'restarts': (number);
}
