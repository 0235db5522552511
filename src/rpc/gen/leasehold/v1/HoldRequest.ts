// Original file: proto/leasehold/v1/workload.proto

import type { Hello as _leasehold_v1_Hello, Hello__Output as _leasehold_v1_Hello__Output } from '../../leasehold/v1/Hello.ts';
import type { Open as _leasehold_v1_Open, Open__Output as _leasehold_v1_Open__Output } from '../../leasehold/v1/Open.ts';
import type { Delivered as _leasehold_v1_Delivered, Delivered__Output as _leasehold_v1_Delivered__Output } from '../../leasehold/v1/Delivered.ts';
import type { Credential as _leasehold_v1_Credential, Credential__Output as _leasehold_v1_Credential__Output } from '../../leasehold/v1/Credential.ts';
import type { Wiped as _leasehold_v1_Wiped, Wiped__Output as _leasehold_v1_Wiped__Output } from '../../leasehold/v1/Wiped.ts';
import type { Release as _leasehold_v1_Release, Release__Output as _leasehold_v1_Release__Output } from '../../leasehold/v1/Release.ts';

/**
 * From the holder to the broker.
 */
export interface HoldRequest {
  /**
   * First message of the stream, exactly once.
   */
  'hello'?: (_leasehold_v1_Hello | null);
  /**
   * Asks for a bundle, or resumes the session that delivered it.
   */
  'open'?: (_leasehold_v1_Open | null);
  /**
   * The named generation is completely written and visible.
   */
  'delivered'?: (_leasehold_v1_Delivered | null);
  /**
   * A credential read afresh, unasked or as the answer to `credential_wanted`.
   */
  'credential'?: (_leasehold_v1_Credential | null);
  /**
   * The files of this session have been removed.
   */
  'wiped'?: (_leasehold_v1_Wiped | null);
  /**
   * The holder is done with this session and wants it revoked now.
   */
  'release'?: (_leasehold_v1_Release | null);
  'message'?: "hello"|"open"|"delivered"|"credential"|"wiped"|"release";
}

/**
 * From the holder to the broker.
 */
export interface HoldRequest__Output {
  /**
   * First message of the stream, exactly once.
   */
  'hello'?: (_leasehold_v1_Hello__Output | null);
  /**
   * Asks for a bundle, or resumes the session that delivered it.
   */
  'open'?: (_leasehold_v1_Open__Output | null);
  /**
   * The named generation is completely written and visible.
   */
  'delivered'?: (_leasehold_v1_Delivered__Output | null);
  /**
   * A credential read afresh, unasked or as the answer to `credential_wanted`.
   */
  'credential'?: (_leasehold_v1_Credential__Output | null);
  /**
   * The files of this session have been removed.
   */
  'wiped'?: (_leasehold_v1_Wiped__Output | null);
  /**
   * The holder is done with this session and wants it revoked now.
   */
  'release'?: (_leasehold_v1_Release__Output | null);
  'message'?: "hello"|"open"|"delivered"|"credential"|"wiped"|"release";
}
