// Original file: proto/leasehold/v1/admin.proto


/**
 * Request of ListCanaries.
 */
export interface ListCanariesRequest {
}

/**
 * Request of ListCanaries.
 */
export interface ListCanariesRequest__Output {
}
