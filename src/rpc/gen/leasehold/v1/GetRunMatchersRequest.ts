// Original file: proto/leasehold/v1/run.proto


/**
 * From the signer and from nodes, on an interval.
 */
export interface GetRunMatchersRequest {
}

/**
 * From the signer and from nodes, on an interval.
 */
export interface GetRunMatchersRequest__Output {
}
