// Original file: proto/leasehold/v1/admin.proto


/**
 * Response of RemoveLock.
 */
export interface RemoveLockResponse {
}

/**
 * Response of RemoveLock.
 */
export interface RemoveLockResponse__Output {
}
