import type { ErrorCode } from '../platform/error.ts';

/**
 * Runs whose job is to be cancelled when one of their nodes never comes for its files. How long they have been seen running stands here, so that the
 * wait counts for every broker and over restarts; each is decided once. The same rules as for the rest of the ledger.
 */
export interface AwaitedLedger {
  /**
   * What the scheduler says now of runs that are awaited: these run, those do not. The wait of one begins when it is said to run, and anew after it was not, or
   * after nothing was said of it for longer than `silenceMs`. Returns those that have been said to run for `waitMs`. Nothing happens for others.
   */
  seeRunning(input: {
    readonly running: readonly string[];
    readonly others: readonly string[];
    readonly silenceMs: number;
    readonly waitMs: number;
    readonly at: number;
  }): Promise<readonly string[]>;
  /** Every wait begins anew with the next word: for a while, no node could have come. */
  restartWaits(): Promise<void>;
  /** These runs are not awaited any more; without `workloads`, none that is known now. */
  stopAwaiting(input?: { readonly workloads: readonly string[] }): Promise<void>;
  /**
   * Decides about one that has been seen running for `waitMs`, and awaits it no longer. Of its nodes, those that were never attached to any session of it, and have said nothing, are
   * undelivered from now on, at most `limit` of them, and it is to be cancelled for that. While its first node came less than `waitMs` ago, the wait counts from
   * then; while none has come, from now.
   */
  recordAbsent(input: {
    readonly workload: string;
    /** All that the run has, in their order. */
    readonly nodes: readonly string[];
    readonly code: ErrorCode;
    readonly limit: number;
    readonly waitMs: number;
    readonly at: number;
  }): Promise<Absent>;
}

export interface Absent {
  /** Recorded, in the order of the run's nodes. */
  readonly nodes: readonly string[];
  /** Of all that are absent. */
  readonly count: number;
}
