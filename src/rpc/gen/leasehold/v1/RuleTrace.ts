// Original file: proto/leasehold/v1/admin.proto


/**
 * How one rule fared.
 */
export interface RuleTrace {
  /**
   * Name of the rule.
   */
  'rule'?: (string);
  /**
   * allow or deny.
   */
  'effect'?: (string);
  /**
   * True when it matched.
   */
  'matched'?: (boolean);
  /**
   * Condition that failed, for example `namespace` or `labels.team`; empty when it matched.
   */
  'failed'?: (string);
}

/**
 * How one rule fared.
 */
export interface RuleTrace__Output {
  /**
   * Name of the rule.
   */
  'rule': (string);
  /**
   * allow or deny.
   */
  'effect': (string);
  /**
   * True when it matched.
   */
  'matched': (boolean);
  /**
   * Condition that failed, for example `namespace` or `labels.team`; empty when it matched.
   */
  'failed': (string);
}
