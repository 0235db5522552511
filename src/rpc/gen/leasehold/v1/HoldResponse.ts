// Original file: proto/leasehold/v1/workload.proto

import type { Welcome as _leasehold_v1_Welcome, Welcome__Output as _leasehold_v1_Welcome__Output } from '../../leasehold/v1/Welcome.ts';
import type { Opened as _leasehold_v1_Opened, Opened__Output as _leasehold_v1_Opened__Output } from '../../leasehold/v1/Opened.ts';
import type { Generation as _leasehold_v1_Generation, Generation__Output as _leasehold_v1_Generation__Output } from '../../leasehold/v1/Generation.ts';
import type { Refused as _leasehold_v1_Refused, Refused__Output as _leasehold_v1_Refused__Output } from '../../leasehold/v1/Refused.ts';
import type { Revoked as _leasehold_v1_Revoked, Revoked__Output as _leasehold_v1_Revoked__Output } from '../../leasehold/v1/Revoked.ts';
import type { Degraded as _leasehold_v1_Degraded, Degraded__Output as _leasehold_v1_Degraded__Output } from '../../leasehold/v1/Degraded.ts';
import type { Recovered as _leasehold_v1_Recovered, Recovered__Output as _leasehold_v1_Recovered__Output } from '../../leasehold/v1/Recovered.ts';
import type { CredentialWanted as _leasehold_v1_CredentialWanted, CredentialWanted__Output as _leasehold_v1_CredentialWanted__Output } from '../../leasehold/v1/CredentialWanted.ts';
import type { Redirect as _leasehold_v1_Redirect, Redirect__Output as _leasehold_v1_Redirect__Output } from '../../leasehold/v1/Redirect.ts';

/**
 * From the broker to the holder. The broker is trusted by the holder through TLS server authentication.
 */
export interface HoldResponse {
  /**
   * The credential was accepted.
   */
  'welcome'?: (_leasehold_v1_Welcome | null);
  /**
   * A session stands; its first generation follows unless the holder has it already.
   */
  'opened'?: (_leasehold_v1_Opened | null);
  /**
   * A new version of the bundle's secrets.
   */
  'generation'?: (_leasehold_v1_Generation | null);
  /**
   * A bundle was refused; other sessions of the stream go on.
   */
  'refused'?: (_leasehold_v1_Refused | null);
  /**
   * The session is over: remove its files, then answer `wiped`.
   */
  'revoked'?: (_leasehold_v1_Revoked | null);
  /**
   * The backend or the ledger is away; what was delivered stays until its declared end.
   */
  'degraded'?: (_leasehold_v1_Degraded | null);
  /**
   * The trouble told by `degraded` is over.
   */
  'recovered'?: (_leasehold_v1_Recovered | null);
  /**
   * Read the credential afresh and send it.
   */
  'credentialWanted'?: (_leasehold_v1_CredentialWanted | null);
  /**
   * Another replica owns this session's values: open it there.
   */
  'redirect'?: (_leasehold_v1_Redirect | null);
  'message'?: "welcome"|"opened"|"generation"|"refused"|"revoked"|"degraded"|"recovered"|"credentialWanted"|"redirect";
}

/**
 * From the broker to the holder. The broker is trusted by the holder through TLS server authentication.
 */
export interface HoldResponse__Output {
  /**
   * The credential was accepted.
   */
  'welcome'?: (_leasehold_v1_Welcome__Output | null);
  /**
   * A session stands; its first generation follows unless the holder has it already.
   */
  'opened'?: (_leasehold_v1_Opened__Output | null);
  /**
   * A new version of the bundle's secrets.
   */
  'generation'?: (_leasehold_v1_Generation__Output | null);
  /**
   * A bundle was refused; other sessions of the stream go on.
   */
  'refused'?: (_leasehold_v1_Refused__Output | null);
  /**
   * The session is over: remove its files, then answer `wiped`.
   */
  'revoked'?: (_leasehold_v1_Revoked__Output | null);
  /**
   * The backend or the ledger is away; what was delivered stays until its declared end.
   */
  'degraded'?: (_leasehold_v1_Degraded__Output | null);
  /**
   * The trouble told by `degraded` is over.
   */
  'recovered'?: (_leasehold_v1_Recovered__Output | null);
  /**
   * Read the credential afresh and send it.
   */
  'credentialWanted'?: (_leasehold_v1_CredentialWanted__Output | null);
  /**
   * Another replica owns this session's values: open it there.
   */
  'redirect'?: (_leasehold_v1_Redirect__Output | null);
  'message'?: "welcome"|"opened"|"generation"|"refused"|"revoked"|"degraded"|"recovered"|"credentialWanted"|"redirect";
}
