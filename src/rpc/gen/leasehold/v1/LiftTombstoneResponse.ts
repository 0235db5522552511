// Original file: proto/leasehold/v1/admin.proto


/**
 * Response of LiftTombstone.
 */
export interface LiftTombstoneResponse {
}

/**
 * Response of LiftTombstone.
 */
export interface LiftTombstoneResponse__Output {
}
