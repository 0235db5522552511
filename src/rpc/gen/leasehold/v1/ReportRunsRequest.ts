// Original file: proto/leasehold/v1/run.proto

import type { ReportedRun as _leasehold_v1_ReportedRun, ReportedRun__Output as _leasehold_v1_ReportedRun__Output } from '../../leasehold/v1/ReportedRun.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * From the signer, on an interval.
 */
export interface ReportRunsRequest {
  /**
   * Every run of the cluster that has resources, suspended and completing ones included.
   */
  'runs'?: (_leasehold_v1_ReportedRun)[];
  /**
   * When the scheduler was asked; milliseconds since the Unix epoch.
   */
  'asOfMs'?: (number | string | Long);
  /**
   * Of a cluster whose runs do not fit one message, each report is the whole truth about the jobs from this id on,
   */
  'fromJobId'?: (number | string | Long);
  /**
   * up to this one, both included; 0 for no bound. Nothing is said about any other job.
   */
  'toJobId'?: (number | string | Long);
}

/**
 * From the signer, on an interval.
 */
export interface ReportRunsRequest__Output {
  /**
   * Every run of the cluster that has resources, suspended and completing ones included.
   */
  'runs': (_leasehold_v1_ReportedRun__Output)[];
  /**
   * When the scheduler was asked; milliseconds since the Unix epoch.
   */
  'asOfMs': (number);
  /**
   * Of a cluster whose runs do not fit one message, each report is the whole truth about the jobs from this id on,
   */
  'fromJobId': (number);
  /**
   * up to this one, both included; 0 for no bound. Nothing is said about any other job.
   */
  'toJobId': (number);
}
