// Original file: proto/leasehold/v1/run.proto

import type { RunName as _leasehold_v1_RunName, RunName__Output as _leasehold_v1_RunName__Output } from '../../leasehold/v1/RunName.ts';

/**
 * From the signer, which has the run's name from its own record of what it registered.
 */
export interface EndRunRequest {
  /**
   * The run that ends.
   */
  'run'?: (_leasehold_v1_RunName | null);
  /**
   * The signer has cancelled its job, because the broker listed it in `to_cancel`.
   */
  'cancelled'?: (boolean);
  /**
   * SLUID that the hook was told; empty where the scheduler has none. One that is earlier than that of the registered run is of an earlier
   * run of the job, whose end comes late: refused, with a record. One that is later is the run's too, which was resized.
   */
  'sluid'?: (string);
}

/**
 * From the signer, which has the run's name from its own record of what it registered.
 */
export interface EndRunRequest__Output {
  /**
   * The run that ends.
   */
  'run': (_leasehold_v1_RunName__Output | null);
  /**
   * The signer has cancelled its job, because the broker listed it in `to_cancel`.
   */
  'cancelled': (boolean);
  /**
   * SLUID that the hook was told; empty where the scheduler has none. One that is earlier than that of the registered run is of an earlier
   * run of the job, whose end comes late: refused, with a record. One that is later is the run's too, which was resized.
   */
  'sluid': (string);
}
