/** Every promise that depends on time is an item with a due time, claimed by whichever replica comes to it. */
export interface WorkLedger {
  /** Inserts or, for the same kind and subject, replaces. */
  putWork(items: readonly NewWork[]): Promise<void>;
  /**
   * Due items, oldest first, claimed by `owner` until `claimUntil`; an expired claim is anybody's, due when it expired. With
   * `heldHere`, without renewals, rotations and deadlines of sessions whose attached holders are all at replicas other than the owner, one of which is there
   * still: that one has the streams that this work is done through.
   */
  claimWork(input: {
    readonly owner: string;
    readonly now: number;
    readonly claimUntil: number;
    readonly limit: number;
    /** Only these; all when left out. */
    readonly kinds?: readonly WorkKind[];
    readonly heldHere?: boolean;
  }): Promise<readonly Work[]>;
  /** Removes the item, or moves it when `dueAt` is given; in both cases only if it was not replaced since it was claimed. */
  finishWork(input: { readonly work: Work; readonly dueAt?: number }): Promise<void>;
  /**
   * Ends the owner's claims on items of those kinds, but for the known ones; they are due again at their old time, and cannot be finished under the
   * claim. For an owner whose claim was carried out and its answer lost.
   */
  releaseLostClaims(input: {
    readonly owner: string;
    readonly kinds: readonly WorkKind[];
    readonly known: readonly Pick<NewWork, 'kind' | 'subject'>[];
  }): Promise<void>;
  /** When the next item can be claimed: due and unclaimed, or at the end of the claim on it. */
  nextWorkAt(query?: { readonly kinds?: readonly WorkKind[] }): Promise<number | undefined>;
}

/** Kinds of work; each has one handler. Subjects are session ids except where noted. */
export type WorkKind =
  /** Lease set: an intent or token that never became current. */
  | 'settle'
  /** Lease set: extend token and leases. */
  | 'renew'
  /** Session: a new lease set. */
  | 'rotate'
  /** Lease set: drive its credentials to their settlement. */
  | 'revoke'
  /** Session: its absolute end. */
  | 'deadline'
  /** Session: nobody has been attached for too long. */
  | 'detached';

export interface NewWork {
  readonly kind: WorkKind;
  readonly subject: string;
  readonly dueAt: number;
}

export interface Work extends NewWork {
  /** Changes with every put and every claim, and never comes back, so that finishing a stale claim does nothing. */
  readonly version: number;
}
