/**
 * One-time tokens with which compute nodes get their first certificate. The same rules as for the rest of the ledger: each call is one durable
 * transaction, instants are milliseconds since the Unix epoch and given by the caller. Of a token only its hash is here.
 */
export interface EnrolmentLedger {
  /** All or none. A token that a node had before, spent or not, is worth nothing from now on. */
  addEnrolments(enrolments: readonly NewEnrolment[]): Promise<void>;
  /**
   * The first key that shows a token spends it, and may show it again until it expires: its first answer may have been lost. To every other key
   * the token is `other_key` from then on.
   */
  spendEnrolment(input: {
    readonly cluster: string;
    readonly node: string;
    /** SHA-256 of the token, hex. */
    readonly token: string;
    /** SHA-256 of the public key, hex. */
    readonly key: string;
    readonly at: number;
  }): Promise<EnrolmentOutcome>;
}

export interface NewEnrolment {
  readonly cluster: string;
  readonly node: string;
  /** SHA-256 of the token, hex. */
  readonly token: string;
  readonly at: number;
  readonly expiresAt: number;
}

/** unknown: the node has no such token. */
export type EnrolmentOutcome = 'spent' | 'again' | 'unknown' | 'expired' | 'other_key';
