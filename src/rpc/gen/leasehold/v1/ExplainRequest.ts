// Original file: proto/leasehold/v1/admin.proto

import type { DescribedPod as _leasehold_v1_DescribedPod, DescribedPod__Output as _leasehold_v1_DescribedPod__Output } from '../../leasehold/v1/DescribedPod.ts';
import type { DescribedRun as _leasehold_v1_DescribedRun, DescribedRun__Output as _leasehold_v1_DescribedRun__Output } from '../../leasehold/v1/DescribedRun.ts';

/**
 * Request of Explain: a credential, or a described pod.
 */
export interface ExplainRequest {
  /**
   * Bundle asked for.
   */
  'bundle'?: (string);
  /**
   * A projected token, verified as a workload's would be. It is not used for anything else.
   */
  'credential'?: (Buffer | Uint8Array | string);
  /**
   * A pod as somebody describes it.
   */
  'pod'?: (_leasehold_v1_DescribedPod | null);
  /**
   * A run of a batch scheduler as somebody describes it.
   */
  'run'?: (_leasehold_v1_DescribedRun | null);
  'who'?: "credential"|"pod"|"run";
}

/**
 * Request of Explain: a credential, or a described pod.
 */
export interface ExplainRequest__Output {
  /**
   * Bundle asked for.
   */
  'bundle': (string);
  /**
   * A projected token, verified as a workload's would be. It is not used for anything else.
   */
  'credential'?: (Buffer);
  /**
   * A pod as somebody describes it.
   */
  'pod'?: (_leasehold_v1_DescribedPod__Output | null);
  /**
   * A run of a batch scheduler as somebody describes it.
   */
  'run'?: (_leasehold_v1_DescribedRun__Output | null);
  'who'?: "credential"|"pod"|"run";
}
