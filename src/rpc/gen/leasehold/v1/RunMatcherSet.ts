// Original file: proto/leasehold/v1/run.proto

import type { RunMatcher as _leasehold_v1_RunMatcher, RunMatcher__Output as _leasehold_v1_RunMatcher__Output } from '../../leasehold/v1/RunMatcher.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * Which runs of one cluster need secrets.
 */
export interface RunMatcherSet {
  /**
   * The cluster that it is about.
   */
  'cluster'?: (string);
  /**
   * Revision of the policy that it was made from.
   */
  'policyRevision'?: (string);
  /**
   * When it was made; milliseconds since the Unix epoch.
   */
  'issuedAtMs'?: (number | string | Long);
  /**
   * A run that any of these matches needs secrets. Over-matching is meant: a run that is held for nothing is released, one that starts without
   * its secrets fails. So what deny rules take away is not said here, and what is not known of a run matches.
   */
  'matchers'?: (_leasehold_v1_RunMatcher)[];
}

/**
 * Which runs of one cluster need secrets.
 */
export interface RunMatcherSet__Output {
  /**
   * The cluster that it is about.
   */
  'cluster': (string);
  /**
   * Revision of the policy that it was made from.
   */
  'policyRevision': (string);
  /**
   * When it was made; milliseconds since the Unix epoch.
   */
  'issuedAtMs': (number);
  /**
   * A run that any of these matches needs secrets. Over-matching is meant: a run that is held for nothing is released, one that starts without
   * its secrets fails. So what deny rules take away is not said here, and what is not known of a run matches.
   */
  'matchers': (_leasehold_v1_RunMatcher__Output)[];
}
