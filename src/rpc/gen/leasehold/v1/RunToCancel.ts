// Original file: proto/leasehold/v1/run.proto

import type { RunName as _leasehold_v1_RunName, RunName__Output as _leasehold_v1_RunName__Output } from '../../leasehold/v1/RunName.ts';

/**
 * A run whose job is to be cancelled.
 */
export interface RunToCancel {
  /**
   * Its name. A later run of the same job must not be touched.
   */
  'run'?: (_leasehold_v1_RunName | null);
  /**
   * Its restart count, as it was registered: for comparing, as in `ReportedRun`.
   */
  'restarts'?: (number);
}

/**
 * A run whose job is to be cancelled.
 */
export interface RunToCancel__Output {
  /**
   * Its name. A later run of the same job must not be touched.
   */
  'run': (_leasehold_v1_RunName__Output | null);
  /**
   * Its restart count, as it was registered: for comparing, as in `ReportedRun`.
   */
  'restarts': (number);
}
