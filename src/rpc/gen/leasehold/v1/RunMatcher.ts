// Original file: proto/leasehold/v1/run.proto


/**
 * Conditions of one grant that delivers a bundle by itself. Every non-empty list must match; `*` stands for any run of characters.
 */
export interface RunMatcher {
  /**
   * Name of the grant.
   */
  'grant'?: (string);
  /**
   * User names.
   */
  'users'?: (string)[];
  /**
   * Names of the users' primary groups.
   */
  'groups'?: (string)[];
  /**
   * Partitions.
   */
  'partitions'?: (string)[];
  /**
   * Accounts.
   */
  'accounts'?: (string)[];
  /**
   * Qualities of service.
   */
  'qos'?: (string)[];
  /**
   * Node names; every node of the run that is known must match one. Of an older broker there are none, which matches more.
   */
  'nodes'?: (string)[];
  /**
   * Only tasks of arrays, or only what is none; absent for both.
   */
  'array'?: (boolean);
  '_array'?: "array";
}

/**
 * Conditions of one grant that delivers a bundle by itself. Every non-empty list must match; `*` stands for any run of characters.
 */
export interface RunMatcher__Output {
  /**
   * Name of the grant.
   */
  'grant': (string);
  /**
   * User names.
   */
  'users': (string)[];
  /**
   * Names of the users' primary groups.
   */
  'groups': (string)[];
  /**
   * Partitions.
   */
  'partitions': (string)[];
  /**
   * Accounts.
   */
  'accounts': (string)[];
  /**
   * Qualities of service.
   */
  'qos': (string)[];
  /**
   * Node names; every node of the run that is known must match one. Of an older broker there are none, which matches more.
   */
  'nodes': (string)[];
  /**
   * Only tasks of arrays, or only what is none; absent for both.
   */
  'array'?: (boolean);
  '_array'?: "array";
}
