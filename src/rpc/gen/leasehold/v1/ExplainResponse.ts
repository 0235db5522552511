// Original file: proto/leasehold/v1/admin.proto

import type { RuleTrace as _leasehold_v1_RuleTrace, RuleTrace__Output as _leasehold_v1_RuleTrace__Output } from '../../leasehold/v1/RuleTrace.ts';

/**
 * Response of Explain.
 */
export interface ExplainResponse {
  /**
   * True when the bundle would be granted.
   */
  'allowed'?: (boolean);
  /**
   * Error code of the refusal; empty when allowed.
   */
  'code'?: (string);
  /**
   * Grant or deny rule that decided; empty when none matched.
   */
  'rule'?: (string);
  /**
   * Each rule that names the bundle, and the first condition that failed.
   */
  'rules'?: (_leasehold_v1_RuleTrace)[];
  /**
   * SPIFFE-style id that was evaluated.
   */
  'spiffeId'?: (string);
  /**
   * Of a run that would be granted the bundle: what becomes of it once a node cannot deliver, `fail_tasks` or `cancel_job`. Empty otherwise.
   */
  'nodeWithoutSecrets'?: (string);
}

/**
 * Response of Explain.
 */
export interface ExplainResponse__Output {
  /**
   * True when the bundle would be granted.
   */
  'allowed': (boolean);
  /**
   * Error code of the refusal; empty when allowed.
   */
  'code': (string);
  /**
   * Grant or deny rule that decided; empty when none matched.
   */
  'rule': (string);
  /**
   * Each rule that names the bundle, and the first condition that failed.
   */
  'rules': (_leasehold_v1_RuleTrace__Output)[];
  /**
   * SPIFFE-style id that was evaluated.
   */
  'spiffeId': (string);
  /**
   * Of a run that would be granted the bundle: what becomes of it once a node cannot deliver, `fail_tasks` or `cancel_job`. Empty otherwise.
   */
  'nodeWithoutSecrets': (string);
}
