// Original file: proto/leasehold/v1/run.proto

import type { RunMatcher as _leasehold_v1_RunMatcher, RunMatcher__Output as _leasehold_v1_RunMatcher__Output } from '../../leasehold/v1/RunMatcher.ts';
import type { SignedRunMatchers as _leasehold_v1_SignedRunMatchers, SignedRunMatchers__Output as _leasehold_v1_SignedRunMatchers__Output } from '../../leasehold/v1/SignedRunMatchers.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * Which runs need secrets, in two forms that say the same. Fields 1 to 3 are for signers and nodes that know of no signature; of any other
 * answer than `signed` nothing is kept.
 */
export interface GetRunMatchersResponse {
  /**
   * Revision of the policy that it was made from.
   */
  'policyRevision'?: (string);
  /**
   * When it was made; milliseconds since the Unix epoch.
   */
  'issuedAtMs'?: (number | string | Long);
  /**
   * As in `RunMatcherSet`.
   */
  'matchers'?: (_leasehold_v1_RunMatcher)[];
  /**
   * Missing from an older broker, and from one whose key can sign nothing but handshakes.
   */
  'signed'?: (_leasehold_v1_SignedRunMatchers | null);
}

/**
 * Which runs need secrets, in two forms that say the same. Fields 1 to 3 are for signers and nodes that know of no signature; of any other
 * answer than `signed` nothing is kept.
 */
export interface GetRunMatchersResponse__Output {
  /**
   * Revision of the policy that it was made from.
   */
  'policyRevision': (string);
  /**
   * When it was made; milliseconds since the Unix epoch.
   */
  'issuedAtMs': (number);
  /**
   * As in `RunMatcherSet`.
   */
  'matchers': (_leasehold_v1_RunMatcher__Output)[];
  /**
   * Missing from an older broker, and from one whose key can sign nothing but handshakes.
   */
  'signed': (_leasehold_v1_SignedRunMatchers__Output | null);
}
