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
  /**
   * When its job was submitted or put back last; seconds since the Unix epoch, 0 when that is not told. One of the same job that was
   * registered with an earlier start, but not before this, is the same run: the controller sets a new start when nodes had to boot first.
   */
  'submitted'?: (number | string | Long);
  /**
   * How often its job was put back before. Tells runs apart where start and submission fall into one second.
   */
  'restarts'?: (number);
  /**
   * On how many nodes it runs, where the scheduler lets every node of a run begin its prolog before that. 0 while it is set up, suspended or ends,
   * and wherever a node may have its prolog later, or nothing is known of that: what never came is not missed then.
   */
  'nodes'?: (number);
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
  /**
   * When its job was submitted or put back last; seconds since the Unix epoch, 0 when that is not told. One of the same job that was
   * registered with an earlier start, but not before this, is the same run: the controller sets a new start when nodes had to boot first.
   */
  'submitted': (number);
  /**
   * How often its job was put back before. Tells runs apart where start and submission fall into one second.
   */
  'restarts': (number);
  /**
   * On how many nodes it runs, where the scheduler lets every node of a run begin its prolog before that. 0 while it is set up, suspended or ends,
   * and wherever a node may have its prolog later, or nothing is known of that: what never came is not missed then.
   */
  'nodes': (number);
}
