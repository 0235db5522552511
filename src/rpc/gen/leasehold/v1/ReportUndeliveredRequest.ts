// Original file: proto/leasehold/v1/run.proto


/**
 * From a node's agent, once it has given up on a run's files.
 */
export interface ReportUndeliveredRequest {
  /**
   * The run reference: JSON as in `Hello.credential` on the listener for nodes. A claim that must fit the certificate and the registered run.
   */
  'reference'?: (Buffer | Uint8Array | string);
  /**
   * Restart count that the node's prolog was told. Required where the reference does not name the run, or another run of the job may be meant.
   */
  'restarts'?: (number);
  /**
   * Why: one of the documented error codes.
   */
  'code'?: (string);
  '_restarts'?: "restarts";
}

/**
 * From a node's agent, once it has given up on a run's files.
 */
export interface ReportUndeliveredRequest__Output {
  /**
   * The run reference: JSON as in `Hello.credential` on the listener for nodes. A claim that must fit the certificate and the registered run.
   */
  'reference': (Buffer);
  /**
   * Restart count that the node's prolog was told. Required where the reference does not name the run, or another run of the job may be meant.
   */
  'restarts'?: (number);
  /**
   * Why: one of the documented error codes.
   */
  'code': (string);
  '_restarts'?: "restarts";
}
