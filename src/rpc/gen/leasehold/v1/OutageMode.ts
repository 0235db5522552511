// Original file: proto/leasehold/v1/workload.proto

/**
 * What a holder does to its files while the broker or the backend is away.
 */
export const OutageMode = {
  /**
   * Never sent.
   */
  OUTAGE_MODE_UNSPECIFIED: 'OUTAGE_MODE_UNSPECIFIED',
  /**
   * Leave the files and stay ready.
   */
  OUTAGE_MODE_KEEP: 'OUTAGE_MODE_KEEP',
  /**
   * Leave the files, report not ready after `outage_after_seconds`.
   */
  OUTAGE_MODE_NOT_READY: 'OUTAGE_MODE_NOT_READY',
  /**
   * Remove the files after `outage_after_seconds`.
   */
  OUTAGE_MODE_WIPE: 'OUTAGE_MODE_WIPE',
} as const;

/**
 * What a holder does to its files while the broker or the backend is away.
 */
export type OutageMode =
  /**
   * Never sent.
   */
  | 'OUTAGE_MODE_UNSPECIFIED'
  | 0
  /**
   * Leave the files and stay ready.
   */
  | 'OUTAGE_MODE_KEEP'
  | 1
  /**
   * Leave the files, report not ready after `outage_after_seconds`.
   */
  | 'OUTAGE_MODE_NOT_READY'
  | 2
  /**
   * Remove the files after `outage_after_seconds`.
   */
  | 'OUTAGE_MODE_WIPE'
  | 3

/**
 * What a holder does to its files while the broker or the backend is away.
 */
export type OutageMode__Output = typeof OutageMode[keyof typeof OutageMode]
