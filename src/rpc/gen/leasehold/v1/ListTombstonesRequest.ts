// Original file: proto/leasehold/v1/admin.proto


/**
 * Request of ListTombstones.
 */
export interface ListTombstonesRequest {
}

/**
 * Request of ListTombstones.
 */
export interface ListTombstonesRequest__Output {
}
