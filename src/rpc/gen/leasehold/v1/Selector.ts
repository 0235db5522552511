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
   * Node the workload runs on; of a run, any of its nodes.
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
  /**
   * Job id of a run, also of the leader of a heterogeneous job; exact.
   */
  'job'?: (string);
  /**
   * Job id of an array; exact.
   */
  'array'?: (string);
  /**
   * User who owns the job.
   */
  'user'?: (string);
  /**
   * Account of the job.
   */
  'account'?: (string);
  /**
   * Partition of the job.
   */
  'partition'?: (string);
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
   * Node the workload runs on; of a run, any of its nodes.
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
  /**
   * Job id of a run, also of the leader of a heterogeneous job; exact.
   */
  'job': (string);
  /**
   * Job id of an array; exact.
   */
  'array': (string);
  /**
   * User who owns the job.
   */
  'user': (string);
  /**
   * Account of the job.
   */
  'account': (string);
  /**
   * Partition of the job.
   */
  'partition': (string);
}
