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
}
