import type { SessionEnd } from './ledger.ts';

/**
 * Ends of sessions that the audit log may not have yet. `beginRevoke` writes one in its own transaction, and whoever ended the session removes it once
 * the log has the record; of a broker that died in between another finds it here.
 */
export interface UnrecordedEndLedger {
  /** Makes those of replicas that are no more the given one's, and returns them, oldest first. Of several takers each gets others. */
  takeUnrecordedEnds(input: {
    readonly replica: string;
    readonly limit: number;
  }): Promise<readonly UnrecordedEnd[]>;
  /** Those that are the replica's already, oldest first. */
  listUnrecordedEnds(query: {
    readonly replica: string;
    readonly limit: number;
  }): Promise<readonly UnrecordedEnd[]>;
  /** The log has them. Unknown ids are passed over. */
  removeUnrecordedEnds(ids: readonly string[]): Promise<void>;
}

export interface UnrecordedEnd {
  /** `end_` and 26 characters of `randomId`. */
  readonly id: string;
  readonly session: string;
  /** As it was asked for; of a session that was ending already, not the reason it ends for. */
  readonly end: SessionEnd;
  readonly at: number;
}
