// Original file: proto/leasehold/v1/run.proto

import type { RunToCancel as _leasehold_v1_RunToCancel, RunToCancel__Output as _leasehold_v1_RunToCancel__Output } from '../../leasehold/v1/RunToCancel.ts';

/**
 * What followed from the report.
 */
export interface ReportRunsResponse {
  /**
   * Runs that the broker knew as active and that have ended.
   */
  'ended'?: (number);
  /**
   * Active runs whose jobs the policy wants cancelled, as a node lacks their secrets. Listed in every answer until they end.
   */
  'toCancel'?: (_leasehold_v1_RunToCancel)[];
}

/**
 * What followed from the report.
 */
export interface ReportRunsResponse__Output {
  /**
   * Runs that the broker knew as active and that have ended.
   */
  'ended': (number);
  /**
   * Active runs whose jobs the policy wants cancelled, as a node lacks their secrets. Listed in every answer until they end.
   */
  'toCancel': (_leasehold_v1_RunToCancel__Output)[];
}
