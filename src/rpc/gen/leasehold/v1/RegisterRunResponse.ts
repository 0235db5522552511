// Original file: proto/leasehold/v1/run.proto

import type { RefusedBundle as _leasehold_v1_RefusedBundle, RefusedBundle__Output as _leasehold_v1_RefusedBundle__Output } from '../../leasehold/v1/RefusedBundle.ts';

/**
 * The run is registered: its nodes may redeem.
 */
export interface RegisterRunResponse {
  /**
   * Workload id, `run/<cluster>/<job id>/<start>`.
   */
  'workload'?: (string);
  /**
   * Bundles that its nodes will deliver; empty when no grant says so.
   */
  'bundles'?: (string)[];
  /**
   * Wishes that were refused.
   */
  'refused'?: (_leasehold_v1_RefusedBundle)[];
}

/**
 * The run is registered: its nodes may redeem.
 */
export interface RegisterRunResponse__Output {
  /**
   * Workload id, `run/<cluster>/<job id>/<start>`.
   */
  'workload': (string);
  /**
   * Bundles that its nodes will deliver; empty when no grant says so.
   */
  'bundles': (string)[];
  /**
   * Wishes that were refused.
   */
  'refused': (_leasehold_v1_RefusedBundle__Output)[];
}
