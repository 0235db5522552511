import type { Selector } from '../policy/selector.ts';
import type { SessionEnd } from './ledger.ts';

/** What must not come back, and what is refused from now on. */
export interface LockLedger {
  findTombstone(workload: string, bundle: string): Promise<Tombstone | undefined>;
  listTombstones(): Promise<readonly Tombstone[]>;
  /**
   * For a hold that may have no session here; a revocation writes its own. Of two for one hold the younger stays. False when that is the one
   * that was there, or both are of one instant.
   */
  addTombstone(tombstone: Tombstone): Promise<boolean>;
  /** False when there was none. */
  liftTombstone(workload: string, bundle: string): Promise<boolean>;
  /** When a workload has ended its tombstones are of no more use. */
  removeTombstonesOf(workload: string): Promise<void>;
  addLock(lock: Lock): Promise<void>;
  /** Undefined when there was none. */
  removeLock(id: string): Promise<Lock | undefined>;
  listLocks(): Promise<readonly Lock[]>;
}

export interface Tombstone {
  readonly workload: string;
  readonly bundle: string;
  readonly reason: string;
  readonly by: string;
  readonly createdAt: number;
}

/** What a person said of it, where one did. */
export const tombstoneReason = ({ reason, note }: Pick<SessionEnd, 'reason' | 'note'>): string =>
  note === '' ? reason : note;

export interface Lock {
  /** `loc_` and 26 characters of `randomId`. */
  readonly id: string;
  readonly selector: Selector;
  readonly reason: string;
  readonly by: string;
  readonly createdAt: number;
}
