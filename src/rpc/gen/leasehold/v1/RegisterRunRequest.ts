// Original file: proto/leasehold/v1/run.proto


/**
 * From the signer, called by the hook on the controller.
 */
export interface RegisterRunRequest {
  /**
   * The run assertion: a JWS in compact form, `typ` slurm-run+jwt, signed by a key that the broker trusts for the cluster. Proof of what
   * the scheduler says; useless without a node's certificate.
   */
  'assertion'?: (Buffer | Uint8Array | string);
  /**
   * Bundles that the job asks for by itself. A wish of the user, never proof: a grant must allow each.
   */
  'requestedBundles'?: (string)[];
  /**
   * The scheduler lets every node of the run begin its prolog at once. False too where nothing is known of that: a node of the run that never comes
   * is not missed then, whatever the scheduler is set to later.
   */
  'prologsAtStart'?: (boolean);
}

/**
 * From the signer, called by the hook on the controller.
 */
export interface RegisterRunRequest__Output {
  /**
   * The run assertion: a JWS in compact form, `typ` slurm-run+jwt, signed by a key that the broker trusts for the cluster. Proof of what
   * the scheduler says; useless without a node's certificate.
   */
  'assertion': (Buffer);
  /**
   * Bundles that the job asks for by itself. A wish of the user, never proof: a grant must allow each.
   */
  'requestedBundles': (string)[];
  /**
   * The scheduler lets every node of the run begin its prolog at once. False too where nothing is known of that: a node of the run that never comes
   * is not missed then, whatever the scheduler is set to later.
   */
  'prologsAtStart': (boolean);
}
