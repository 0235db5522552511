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
  /** By cluster and node, in the order of the store. */
  listEnrolments(query: {
    readonly cluster?: string;
    /** Only those that no key has spent and that have not expired by then. */
    readonly unusedAt?: number;
    readonly after?: { readonly cluster: string; readonly node: string };
    readonly limit: number;
  }): Promise<readonly KnownEnrolment[]>;
  /** What is gone is unknown to whoever shows it afterwards. A token that a key has spent stays: that key may show it again. */
  withdrawEnrolment(input: {
    readonly cluster: string;
    readonly node: string;
    readonly at: number;
  }): Promise<WithdrawOutcome>;
  /** All of that cluster that no key has spent and that have not expired. */
  withdrawEnrolmentsOf(input: {
    readonly cluster: string;
    readonly at: number;
  }): Promise<readonly WithdrawnEnrolment[]>;
}

export interface NewEnrolment {
  readonly cluster: string;
  readonly node: string;
  /** SHA-256 of the token, hex. */
  readonly token: string;
  /** `admin:<name>` */
  readonly by: string;
  readonly at: number;
  readonly expiresAt: number;
}

/** Without the token's hash: nobody who looks needs it. */
export interface KnownEnrolment {
  readonly cluster: string;
  readonly node: string;
  /** Empty for one that an older version made. */
  readonly by: string;
  readonly at: number;
  readonly expiresAt: number;
  /** SHA-256 of the public key that has spent it, hex. */
  readonly key: string | undefined;
}

export interface WithdrawnEnrolment {
  readonly node: string;
  /** SHA-256 of the token, hex. */
  readonly token: string;
}

export type WithdrawOutcome =
  | { readonly outcome: 'withdrawn'; readonly token: string }
  | { readonly outcome: 'unknown' | 'expired' | 'spent' };

/** unknown: the node has no such token. */
export type EnrolmentOutcome = 'spent' | 'again' | 'unknown' | 'expired' | 'other_key';
