// Original file: proto/leasehold/v1/workload.proto

import type { OutageMode as _leasehold_v1_OutageMode, OutageMode__Output as _leasehold_v1_OutageMode__Output } from '../../leasehold/v1/OutageMode.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * A session stands.
 */
export interface Opened {
  /**
   * Bundle that was asked for.
   */
  'bundle'?: (string);
  /**
   * Session id, random; not a secret, and useless without the workload's credential.
   */
  'sessionId'?: (string);
  /**
   * Absolute end of the session; milliseconds since the Unix epoch. No renewal passes it.
   */
  'deadlineMs'?: (number | string | Long);
  /**
   * What to do when the broker is away.
   */
  'outageMode'?: (_leasehold_v1_OutageMode);
  /**
   * Seconds of outage after which `outage_mode` applies.
   */
  'outageAfterSeconds'?: (number);
  /**
   * True when the holder's generation is still the current one and nothing will be sent again.
   */
  'resumed'?: (boolean);
  /**
   * True when the bundle has leases that end with the session.
   */
  'leased'?: (boolean);
}

/**
 * A session stands.
 */
export interface Opened__Output {
  /**
   * Bundle that was asked for.
   */
  'bundle': (string);
  /**
   * Session id, random; not a secret, and useless without the workload's credential.
   */
  'sessionId': (string);
  /**
   * Absolute end of the session; milliseconds since the Unix epoch. No renewal passes it.
   */
  'deadlineMs': (number);
  /**
   * What to do when the broker is away.
   */
  'outageMode': (_leasehold_v1_OutageMode__Output);
  /**
   * Seconds of outage after which `outage_mode` applies.
   */
  'outageAfterSeconds': (number);
  /**
   * True when the holder's generation is still the current one and nothing will be sent again.
   */
  'resumed': (boolean);
  /**
   * True when the bundle has leases that end with the session.
   */
  'leased': (boolean);
}
