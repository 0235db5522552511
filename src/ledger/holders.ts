import type { Session } from './ledger.ts';
import type { ShownRun } from './runs.ts';

/** Who has a session's files: its pod, or each node of its run. Each is read by its name, and all of them only where they are shown. */
export interface HolderLedger {
  /**
   * The holder's stream is at that replica from now on, wherever it was before. Removes the `detached` work item of the session.
   * `ledger_conflict` when it has ended.
   */
  attachHolder(input: {
    readonly session: string;
    readonly holder: string;
    readonly replica: string;
    readonly at: number;
  }): Promise<void>;
  /**
   * One that comes back with the current generation, attached and its word recorded in one commit: many come back at once when a replica dies.
   * `ledger_conflict` when the session has ended or the generation is not its current.
   */
  reattachHolder(input: {
    readonly session: string;
    readonly holder: string;
    readonly replica: string;
    readonly generation: string;
    readonly at: number;
  }): Promise<Delivered>;
  /**
   * When no holder is attached any more, puts a `detached` work item due at `dueAt`. Nothing happens for a holder that was not attached,
   * so that a second word of the same end puts nothing off; for one that is attached to another replica meanwhile; and for a session that is
   * revoking or ended.
   */
  detachHolder(input: {
    readonly session: string;
    readonly holder: string;
    readonly replica: string;
    readonly dueAt: number;
    readonly at: number;
  }): Promise<void>;
  /**
   * Detaches the holders of replicas that are not there any more, after a start or a removal. A session that nobody is attached to then gets a
   * `detached` item due at `dueAt`, or `marginMs` before its current lease set ends by itself where that is sooner; one that has an item
   * keeps its time.
   */
  detachGone(input: {
    readonly dueAt: number;
    readonly marginMs: number;
    readonly at: number;
  }): Promise<void>;
  /**
   * `ledger_conflict` when the generation is not one of the session's current. With the last holder's word the ownership of the session
   * ends: nobody needs the values any more.
   */
  recordDelivered(input: {
    readonly session: string;
    readonly holder: string;
    readonly generation: string;
    readonly at: number;
  }): Promise<Delivered>;
  recordWiped(input: {
    readonly session: string;
    readonly holder: string;
    readonly at: number;
  }): Promise<void>;

  findHolder(input: { readonly session: string; readonly holder: string }): Promise<Holder | undefined>;
  /** All holders of each of those sessions, in their order. */
  listHolders(sessions: readonly string[]): Promise<ReadonlyMap<string, readonly Holder[]>>;
  /** Whether a holder other than that one is attached, and whether one has not said that its files are gone. */
  lookAtOthers(input: {
    readonly session: string;
    readonly holder: string;
  }): Promise<{ readonly attached: boolean; readonly unwiped: boolean }>;
  /** Whether some holder is attached to another replica than that one. */
  isAttachedElsewhere(input: { readonly session: string; readonly replica: string }): Promise<boolean>;
}

export interface Holder {
  readonly name: string;
  readonly attached: boolean;
  /** Where it is attached, or was last. */
  readonly replica: string | undefined;
  readonly generation: { readonly id: string; readonly number: number };
  readonly deliveredAt: number | undefined;
  readonly wipedAt: number | undefined;
}

/** As shown to people. */
export interface SessionWithHolders extends Session {
  readonly holders: readonly Holder[];
  /** Of a run that the ledger has. */
  readonly run?: ShownRun;
}

/** After a holder's word that it has the current generation. */
export interface Delivered {
  readonly session: Session;
  readonly lacking: Lacking;
  /** Whether a session of the same workload and bundle waits for this one to take its place. */
  readonly supersedes: boolean;
}

/** Which holders lack the current generation of their session. */
export interface Lacking {
  /** Any at all, attached or not. */
  readonly any: boolean;
  readonly attached: boolean;
  /** One that has an older generation, which it may still use. */
  readonly older: boolean;
}
