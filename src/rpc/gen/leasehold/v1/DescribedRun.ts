// Original file: proto/leasehold/v1/admin.proto


/**
 * A run that need not exist.
 */
export interface DescribedRun {
  /**
   * Cluster name.
   */
  'cluster'?: (string);
  /**
   * Owner.
   */
  'user'?: (string);
  /**
   * The owner's primary group.
   */
  'group'?: (string);
  /**
   * Partition.
   */
  'partition'?: (string);
  /**
   * Account.
   */
  'account'?: (string);
  /**
   * Quality of service.
   */
  'qos'?: (string);
  /**
   * Nodes.
   */
  'nodes'?: (string)[];
  /**
   * True for a task of an array.
   */
  'array'?: (boolean);
  /**
   * Whether the cluster enforces accounting, so that account and QOS are worth something.
   */
  'accountingEnforced'?: (boolean);
}

/**
 * A run that need not exist.
 */
export interface DescribedRun__Output {
  /**
   * Cluster name.
   */
  'cluster': (string);
  /**
   * Owner.
   */
  'user': (string);
  /**
   * The owner's primary group.
   */
  'group': (string);
  /**
   * Partition.
   */
  'partition': (string);
  /**
   * Account.
   */
  'account': (string);
  /**
   * Quality of service.
   */
  'qos': (string);
  /**
   * Nodes.
   */
  'nodes': (string)[];
  /**
   * True for a task of an array.
   */
  'array': (boolean);
  /**
   * Whether the cluster enforces accounting, so that account and QOS are worth something.
   */
  'accountingEnforced': (boolean);
}
