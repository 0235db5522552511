// Original file: proto/leasehold/v1/admin.proto


/**
 * A pod that need not exist.
 */
export interface DescribedPod {
  /**
   * Cluster name.
   */
  'cluster'?: (string);
  /**
   * Namespace.
   */
  'namespace'?: (string);
  /**
   * Service account.
   */
  'serviceAccount'?: (string);
  /**
   * Pod name.
   */
  'pod'?: (string);
  /**
   * Node.
   */
  'node'?: (string);
  /**
   * Labels.
   */
  'labels'?: ({[key: string]: string});
  /**
   * Image digests; leaving it empty means unknown.
   */
  'imageDigests'?: (string)[];
}

/**
 * A pod that need not exist.
 */
export interface DescribedPod__Output {
  /**
   * Cluster name.
   */
  'cluster': (string);
  /**
   * Namespace.
   */
  'namespace': (string);
  /**
   * Service account.
   */
  'serviceAccount': (string);
  /**
   * Pod name.
   */
  'pod': (string);
  /**
   * Node.
   */
  'node': (string);
  /**
   * Labels.
   */
  'labels': ({[key: string]: string});
  /**
   * Image digests; leaving it empty means unknown.
   */
  'imageDigests': (string)[];
}
