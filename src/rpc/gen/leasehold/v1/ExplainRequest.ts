// Original file: proto/leasehold/v1/admin.proto

import type { DescribedPod as _leasehold_v1_DescribedPod, DescribedPod__Output as _leasehold_v1_DescribedPod__Output } from '../../leasehold/v1/DescribedPod.ts';

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
  'who'?: "credential"|"pod";
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
  'who'?: "credential"|"pod";
}
