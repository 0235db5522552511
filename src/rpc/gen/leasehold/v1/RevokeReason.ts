// Original file: proto/leasehold/v1/workload.proto

/**
 * Why a session ended.
 */
export const RevokeReason = {
  /**
   * Never sent.
   */
  REVOKE_REASON_UNSPECIFIED: 'REVOKE_REASON_UNSPECIFIED',
  /**
   * A person revoked it.
   */
  REVOKE_REASON_ADMIN: 'REVOKE_REASON_ADMIN',
  /**
   * A lock matches the workload.
   */
  REVOKE_REASON_LOCKED: 'REVOKE_REASON_LOCKED',
  /**
   * The workload has ended.
   */
  REVOKE_REASON_WORKLOAD_ENDED: 'REVOKE_REASON_WORKLOAD_ENDED',
  /**
   * The absolute deadline was reached; the workload may prove itself again.
   */
  REVOKE_REASON_DEADLINE: 'REVOKE_REASON_DEADLINE',
  /**
   * The holder gave it up.
   */
  REVOKE_REASON_RELEASED: 'REVOKE_REASON_RELEASED',
  /**
   * The credentials are gone or cannot be renewed; opening again gives new ones.
   */
  REVOKE_REASON_LOST: 'REVOKE_REASON_LOST',
  /**
   * The policy no longer grants the bundle.
   */
  REVOKE_REASON_NOT_GRANTED: 'REVOKE_REASON_NOT_GRANTED',
} as const;

/**
 * Why a session ended.
 */
export type RevokeReason =
  /**
   * Never sent.
   */
  | 'REVOKE_REASON_UNSPECIFIED'
  | 0
  /**
   * A person revoked it.
   */
  | 'REVOKE_REASON_ADMIN'
  | 1
  /**
   * A lock matches the workload.
   */
  | 'REVOKE_REASON_LOCKED'
  | 2
  /**
   * The workload has ended.
   */
  | 'REVOKE_REASON_WORKLOAD_ENDED'
  | 3
  /**
   * The absolute deadline was reached; the workload may prove itself again.
   */
  | 'REVOKE_REASON_DEADLINE'
  | 4
  /**
   * The holder gave it up.
   */
  | 'REVOKE_REASON_RELEASED'
  | 5
  /**
   * The credentials are gone or cannot be renewed; opening again gives new ones.
   */
  | 'REVOKE_REASON_LOST'
  | 6
  /**
   * The policy no longer grants the bundle.
   */
  | 'REVOKE_REASON_NOT_GRANTED'
  | 7

/**
 * Why a session ended.
 */
export type RevokeReason__Output = typeof RevokeReason[keyof typeof RevokeReason]
