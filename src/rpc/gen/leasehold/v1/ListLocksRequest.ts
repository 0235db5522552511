// Original file: proto/leasehold/v1/admin.proto


/**
 * Request of ListLocks.
 */
export interface ListLocksRequest {
}

/**
 * Request of ListLocks.
 */
export interface ListLocksRequest__Output {
}
