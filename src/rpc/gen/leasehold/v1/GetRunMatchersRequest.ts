// Original file: proto/leasehold/v1/run.proto


/**
 * From the signer, on an interval.
 */
export interface GetRunMatchersRequest {
}

/**
 * From the signer, on an interval.
 */
export interface GetRunMatchersRequest__Output {
}
