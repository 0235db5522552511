/** A certificate authority at the secret backend. Throws LeaseholdError with a `backend_*` code, or `cancelled`. */
export interface CertificateSigner {
  /**
   * Has a role of a PKI engine sign a request for exactly one name, a URI. May be repeated: a certificate that nobody got is of no use to
   * anybody. What comes back is checked by the caller.
   */
  signCertificate(options: {
    readonly mount: string;
    readonly role: string;
    /** PKCS #10, PEM. */
    readonly request: string;
    readonly uri: string;
    readonly ttlSeconds: number;
    readonly signal: AbortSignal;
  }): Promise<SignedCertificate>;
}

export interface SignedCertificate {
  /** PEM. */
  readonly certificate: string;
  /** The authorities above it, PEM, the nearest first. */
  readonly authorities: readonly string[];
}
