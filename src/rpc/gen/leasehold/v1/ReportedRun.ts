// Original file: proto/leasehold/v1/run.proto

import type { RunName as _leasehold_v1_RunName, RunName__Output as _leasehold_v1_RunName__Output } from '../../leasehold/v1/RunName.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * A run that the scheduler has now.
 */
export interface ReportedRun {
  /**
   * Its name.
   */
  'run'?: (_leasehold_v1_RunName | null);
  /**
   * When its time limit ends it; milliseconds since the Unix epoch, 0 when it has no limit.
   */
  'endsAtMs'?: (number | string | Long);
}

/**
 * A run that the scheduler has now.
 */
export interface ReportedRun__Output {
  /**
   * Its name.
   */
  'run': (_leasehold_v1_RunName__Output | null);
  /**
   * When its time limit ends it; milliseconds since the Unix epoch, 0 when it has no limit.
   */
  'endsAtMs': (number);
}
