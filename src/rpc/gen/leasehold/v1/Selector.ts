// Original file: proto/leasehold/v1/admin.proto


/**
 * Which sessions. Every given field must match; patterns may use `*`. An empty selector matches nothing unless `all` is set.
 */
export interface Selector {
  /**
   * Session id, exact.
   */
  'session'?: (string);
  /**
   * Cluster name.
   */
  'cluster'?: (string);
  /**
   * Kubernetes namespace.
   */
  'namespace'?: (string);
  /**
   * Service account.
   */
  'serviceAccount'?: (string);
  /**
   * Pod name, or `namespace/name`.
   */
  'pod'?: (string);
  /**
   * Pod UID, exact.
   */
  'podUid'?: (string);
  /**
   * Node the workload runs on.
   */
  'node'?: (string);
  /**
   * Image digest, `sha256:...`, exact.
   */
  'imageDigest'?: (string);
  /**
   * Bundle name.
   */
  'bundle'?: (string);
  /**
   * Everything. Must be said, never implied.
   */
  'all'?: (boolean);
}

/**
 * Which sessions. Every given field must match; patterns may use `*`. An empty selector matches nothing unless `all` is set.
 */
export interface Selector__Output {
  /**
   * Session id, exact.
   */
  'session': (string);
  /**
   * Cluster name.
   */
  'cluster': (string);
  /**
   * Kubernetes namespace.
   */
  'namespace': (string);
  /**
   * Service account.
   */
  'serviceAccount': (string);
  /**
   * Pod name, or `namespace/name`.
   */
  'pod': (string);
  /**
   * Pod UID, exact.
   */
  'podUid': (string);
  /**
   * Node the workload runs on.
   */
  'node': (string);
  /**
   * Image digest, `sha256:...`, exact.
   */
  'imageDigest': (string);
  /**
   * Bundle name.
   */
  'bundle': (string);
  /**
   * Everything. Must be said, never implied.
   */
  'all': (boolean);
}
