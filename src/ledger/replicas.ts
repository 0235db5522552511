/**
 * Several brokers on one ledger. They never call each other: what one has to know of another stands here.
 */
export interface ReplicaLedger {
  /**
   * A process begins its life, or goes on after others took it for dead. The epoch is one that no replica ever had. `address` is for people and
   * may be empty.
   */
  joinReplica(input: { readonly id: string; readonly address: string }): Promise<{ readonly epoch: number }>;
  /**
   * Advances its counter and returns all replicas, itself not among them when others have removed it. No instant is stored: whoever looks
   * again and again sees which counters stand still, and no two clocks are ever compared.
   */
  beatReplica(input: {
    readonly id: string;
    readonly answers: Replica['answers'];
  }): Promise<readonly Replica[]>;
  /**
   * Ends its claims on work, which is due again at its old time, and its ownerships, as `removeReplica` does; it stays. What it still does
   * about that work changes nothing that others do. What is outstanding of lease sets whose `revoke` item it had claimed is `maybeRevoked`.
   */
  releaseClaims(replica: string): Promise<void>;
  /**
   * Ends its claims on work, which is due again at its old time, and its ownerships. With `beats` only while that is its count still:
   * one that has gone on since stays. False when it was not removed. Its holders are detached by `detachGone`.
   */
  removeReplica(input: { readonly id: string; readonly beats?: number }): Promise<boolean>;
  /** Sessions with a holder attached to that replica, with their current generation. */
  listHeldBy(replica: string): Promise<readonly { readonly session: string; readonly generation: string }[]>;
  /**
   * Tells what changed in a way that another replica has to act on, also what this one did itself: a session that ends, has got a new
   * generation, another owner, or a holder that moved; a lock. At most once, and never a session's content. What
   * an interrupted feed missed is not told again, only that there was something.
   */
  subscribe(listener: (change: LedgerChange) => void): Promise<AsyncDisposable>;
}

export interface Replica {
  /** `rep_` and 26 characters of `randomId`, of one process life. */
  readonly id: string;
  readonly address: string;
  readonly epoch: number;
  readonly beats: number;
  /** How often each part outside has answered it so far, by the part's name; what is missing never has, as far as anybody knows. */
  readonly answers: Readonly<Record<string, number>>;
}

export type LedgerChange =
  | { readonly kind: 'session'; readonly id: string }
  | { readonly kind: 'lock'; readonly id: string }
  | { readonly kind: 'missed' };
