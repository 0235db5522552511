import type { Identity } from '../identity/identity.ts';
import type { ErrorCode } from '../platform/error.ts';
import type { Selector } from '../policy/selector.ts';
import type { AwaitedLedger } from './awaited.ts';
import type { EnrolmentLedger } from './enrolments.ts';
import type { HolderLedger } from './holders.ts';
import type { LockLedger } from './locks.ts';
import type { MetaLedger } from './meta.ts';
import type { ReplicaLedger } from './replicas.ts';
import type { RunLedger } from './runs.ts';
import type { UndeliveredLedger } from './undelivered.ts';
import type { UnrecordedEndLedger } from './unrecorded-ends.ts';
import type { NewWork, WorkLedger } from './work.ts';

export type { Delivered, Holder, Lacking, SessionWithHolders } from './holders.ts';
export type { Lock, Tombstone } from './locks.ts';
export type { NewWork, Work, WorkKind } from './work.ts';

/**
 * The durable record of sessions and leases. No secret values, ever; lease ids and accessors stand in clear.
 * Each method is one durable transaction: when it resolves, the change survives a power cut; when it rejects, nothing changed.
 * Throws `ledger_unavailable`, `ledger_unusable`, or `ledger_conflict` where the state did not allow the change.
 * All instants are milliseconds since the Unix epoch and are given by the caller.
 */
export interface Ledger
  extends
    WorkLedger,
    HolderLedger,
    LockLedger,
    RunLedger,
    UndeliveredLedger,
    UnrecordedEndLedger,
    AwaitedLedger,
    EnrolmentLedger,
    ReplicaLedger,
    MetaLedger {
  // -- sessions ---------------------------------------------------------------------------------------------------

  /**
   * Step 2. Returns the live session (opening or active) of that workload, bundle and node when there is one, else inserts the
   * given one with its holders and, when `leaseSet` is given, an intent with a `settle` work item due at `settleAt`. A session without a lease
   * set is active at once.
   * The asking holder is attached in the same transaction. A static session may bring its first generation along.
   * With `supersedes`, that session becomes superseded in the same transaction, and only its replacement may be live;
   * `ledger_conflict` when it is not the active session of that workload and bundle (and no other one is live). A request key is
   * unique among the live sessions of its workload and bundle because there is only one.
   * Throws `tombstoned` when the workload and bundle have a tombstone; for a run, `workload_ended` or `workload_terminating` when it is not active.
   */
  beginSession(
    input: NewSession,
  ): Promise<{ readonly outcome: 'created' | 'existing'; readonly session: Session }>;
  /**
   * Inserts an intent for a further lease set of an opening or active session. `ledger_conflict` when one is pending already. With `owner`, that
   * replica takes the ownership of the session from now on; `ledger_conflict` when it is neither free, nor that replica's already, nor
   * `insteadOf`'s. So of several replicas that find the values of a session gone, one makes new ones.
   */
  beginLeaseSet(input: {
    readonly session: string;
    readonly leaseSet: NewLeaseSet;
    readonly owner?: Owner;
    readonly insteadOf?: string;
    readonly at: number;
  }): Promise<void>;
  /**
   * Step 4: intent → token. For a lease set that is revoking already the token is recorded as outstanding, with its `revoke` item due
   * now: known and about to go beats unknown and alive. `ledger_conflict` once it has ended, and for a second token.
   */
  recordToken(input: {
    readonly leaseSet: string;
    readonly accessor: string;
    readonly path: string;
    readonly expiresAt: number;
    readonly at: number;
  }): Promise<void>;
  /**
   * Step 5: one lease as soon as its reply was read. Keeps state token. Outstanding at once when the lease set is revoking, as in
   * `recordToken`; `ledger_conflict` in any other state.
   */
  recordLease(input: {
    readonly leaseSet: string;
    readonly leaseId: string;
    readonly path: string;
    readonly renewable: boolean;
    readonly expiresAt: number;
    readonly at: number;
  }): Promise<void>;
  /**
   * Step 6: the lease set becomes current and the session active with the given generation; the lease set that was current
   * becomes retiring with a `revoke` work item due at `retireAt`, and one that was retiring still is revoked from now on.
   * Removes the `settle` item and puts the given work items.
   * `ledger_conflict` when the session is no longer opening, active or superseded: the caller revokes what it made.
   * Without a lease set: a new generation of static secrets only.
   */
  activate(input: {
    readonly session: string;
    readonly leaseSet?: { readonly id: string } & CredentialEnds;
    readonly generation: NewGeneration;
    readonly retireAt: number;
    readonly work: readonly NewWork[];
    readonly at: number;
  }): Promise<Session>;
  /** Of a current or retiring lease set. Also puts the given work items, the next `renew` among them. */
  recordRenewal(
    input: {
      readonly leaseSet: string;
      readonly work: readonly NewWork[];
      readonly at: number;
    } & CredentialEnds,
  ): Promise<void>;
  findSession(id: string): Promise<Session | undefined>;
  /** The one that is opening or active. */
  findLive(of: SessionKey): Promise<Session | undefined>;
  /** Newest first. `after` is the id of the last one of the page before; `ledger_conflict` when that one was pruned meanwhile. */
  listSessions(query: SessionQuery): Promise<readonly Session[]>;
  /** Live or superseded sessions, distinct workloads of them: what the clusters are asked about. */
  listHeldWorkloads(): Promise<readonly string[]>;

  // -- revocation -------------------------------------------------------------------------------------------------

  /**
   * Step 8, first part. The session becomes revoking, all its lease sets too, their credentials outstanding, with a `revoke`
   * work item due now for each; without lease sets it ends at once. All its other work is removed. Writes the tombstone when asked,
   * with the note, or the reason where there is none; an earlier tombstone stays. A session that is revoking or ended
   * already is returned as it is (the tombstone is still written). With `unrecorded`, what it changed, or the tombstone, is an unrecorded end of that
   * replica from now on.
   */
  beginRevoke(input: {
    readonly session: string;
    readonly end: SessionEnd;
    readonly tombstone: boolean;
    readonly unrecorded?: { readonly id: string; readonly replica: string };
    readonly at: number;
  }): Promise<Session>;
  /** One lease set only (a retiring one, or one whose issue failed); its session goes on. */
  beginRevokeLeaseSet(input: { readonly leaseSet: string; readonly at: number }): Promise<void>;
  /**
   * What is known about one credential now; counts an attempt. `ledger_conflict` for another name than the one it was settled with, but
   * for `expires`, which may still get a better one.
   */
  settleCredential(input: {
    readonly credential: string;
    readonly settlement: Settlement;
    readonly why: ErrorCode | undefined;
    readonly nextTryAt: number | undefined;
    /** From now on it is. */
    readonly maybeRevoked?: boolean;
    readonly at: number;
  }): Promise<void>;
  /**
   * Ends the lease set when none of its credentials is held or outstanding, removes its work items, and ends the session when it was revoking
   * and this was its last one. Returns the session, unchanged while a credential is held or outstanding. `ledger_conflict` for a lease
   * set that is in use, or has a token and was not revoked.
   */
  finishLeaseSet(input: { readonly leaseSet: string; readonly at: number }): Promise<Session>;
  findLeaseSet(id: string): Promise<LeaseSet | undefined>;
  findCredential(
    id: string,
  ): Promise<{ readonly credential: Credential; readonly session: string } | undefined>;

  /** Outstanding credentials by their path, the path with the oldest first. */
  listOutstanding(): Promise<readonly OutstandingPath[]>;
  /**
   * Makes `revoke` items due that lie later and are unclaimed: those of revoking lease sets with an outstanding credential of that path, the
   * least tried first. Returns how many.
   */
  hastenRevocations(input: {
    readonly path: string;
    readonly at: number;
    readonly limit: number;
  }): Promise<number>;

  // -- the rest ---------------------------------------------------------------------------------------------------

  count(): Promise<LedgerCount>;
  /** Deletes sessions that ended before that instant, runs of which nothing is left, and enrolment tokens that expired before it, at most `limit` of each; returns the largest of the counts. */
  prune(input: { readonly endedBefore: number; readonly limit: number }): Promise<number>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * opening → active → revoking → ended
 *    │         └→ superseded ┘        superseded: its successor session is live; it ends by its own work item
 *    └──────────→ revoking            the issue failed or was revoked in the middle
 */
export type SessionState = 'opening' | 'active' | 'superseded' | 'revoking' | 'ended';

/** Those that may still be revoked. */
export const heldStates: readonly SessionState[] = ['opening', 'active', 'superseded'];
/** All but what is over. */
export const liveStates: readonly SessionState[] = [...heldStates, 'revoking'];

/** At most one session of these is live. */
export interface SessionKey {
  readonly workload: string;
  readonly bundle: string;
  /** The node whose alone it is; empty where all holders of the workload have the same. */
  readonly node: string;
}

/**
 * What is the same for all holders of a session. They are not part of it: a run may have ten thousand, and what one of them does must not cost a
 * look at all.
 */
export interface Session extends SessionKey {
  /** `ses_` and 26 characters of `randomId`. */
  readonly id: string;
  readonly requestKey: string;
  readonly identity: Identity;
  readonly state: SessionState;
  readonly leased: boolean;
  /** Rule of the decision. */
  readonly grant: string;
  readonly policyRevision: string;
  readonly createdAt: number;
  /** Absolute, by the backend's clock. */
  readonly deadlineAt: number;
  readonly endedAt: number | undefined;
  readonly end: SessionEnd | undefined;
  /** The current generation; number 0 and an empty id before the first. */
  readonly generation: NewGeneration & { readonly number: number };
  /** Undefined when nobody has its values: every holder has them, they are lost, or there are none. */
  readonly owner: Owner | undefined;
  /** Those not ended; ended ones only from `findSession`. */
  readonly leaseSets: readonly LeaseSet[];
}

/** The replica that has the values of a session's leases in memory, or is making them, while not all holders have them. */
export interface Owner {
  readonly replica: string;
  /** host:port that the session's holders can reach it at; empty when it has none. */
  readonly address: string;
  /** Of the replica. */
  readonly epoch: number;
}

export interface SessionEnd {
  readonly reason: EndReason;
  /** In words, from a person. */
  readonly note: string;
  /** Who: `admin:<name>` or `broker`. */
  readonly by: string;
}

export const endReasons = [
  'admin',
  'locked',
  'workload_ended',
  'deadline',
  'released',
  'detached',
  'lost',
  'not_granted',
  'superseded',
  'issue_failed',
] as const;

export type EndReason = (typeof endReasons)[number];

/** intent → token → current → retiring → revoking → ended; any → revoking */
export type LeaseSetState = 'intent' | 'token' | 'current' | 'retiring' | 'revoking' | 'ended';

/** What one backend token stands for. */
export interface LeaseSet {
  /** `set_` and 26 characters of `randomId`; also the intent id in the token's metadata. */
  readonly id: string;
  readonly session: string;
  readonly state: LeaseSetState;
  readonly tokenRole: string;
  readonly createdAt: number;
  /** Soonest end of its token and leases at the backend; 0 while unknown. */
  readonly expiresAt: number;
  readonly credentials: readonly Credential[];
}

/** One thing that is alive at the backend until it is settled. */
export interface Credential {
  readonly id: string;
  readonly kind: 'token' | 'lease';
  /** Token role, or engine path. */
  readonly path: string;
  /** Accessor or lease id. */
  readonly reference: string;
  readonly renewable: boolean;
  readonly expiresAt: number;
  readonly settlement: Settlement;
  readonly why: ErrorCode | undefined;
  readonly since: number;
  readonly nextTryAt: number | undefined;
  readonly attempts: number;
  /** An earlier try asked the backend to revoke it, or may have, and its outcome is not on record. */
  readonly maybeRevoked: boolean;
}

/**
 * held: in use. outstanding: must go, not yet seen gone. confirmed: seen, revoked by us, then not seen. vanished: not seen, and
 * not by our doing as far as anybody knows. lapsed: ended with its token or by its own ttl. expires: the backend cannot revoke it, it ends at `expiresAt`.
 * written_off: a person gave up on it.
 */
export type Settlement =
  'held' | 'outstanding' | 'confirmed' | 'vanished' | 'lapsed' | 'expires' | 'written_off';

/** Not settled: alive, or not known to be gone. */
export const isOpen = (settlement: Settlement): boolean =>
  settlement === 'held' || settlement === 'outstanding';

export interface OutstandingPath {
  readonly path: string;
  readonly count: number;
  /** Of the oldest. */
  readonly since: number;
  /** Why one of them could not be settled; undefined before the first try. */
  readonly why: ErrorCode | undefined;
}

export interface NewSession extends SessionKey {
  readonly id: string;
  readonly requestKey: string;
  readonly identity: Identity;
  readonly holders: readonly string[];
  readonly grant: string;
  readonly policyRevision: string;
  readonly deadlineAt: number;
  readonly leaseSet?: NewLeaseSet;
  /** Of a static session: its first generation (number 1); undefined leaves number 0. */
  readonly generation: NewGeneration | undefined;
  /** Holder that asks, attached at once; also when the outcome is `existing`. */
  readonly attach: string;
  /** Where that holder's stream is. */
  readonly replica: string;
  /** Of a leased session: who makes its values. */
  readonly owner?: Owner;
  readonly supersedes?: string;
  readonly work: readonly NewWork[];
  readonly at: number;
}

/** When the credentials of a lease set end, after a renewal. */
export interface CredentialEnds {
  /** Soonest end of all. */
  readonly expiresAt: number;
  /** Each credential's own end, where it is known; for the others the soonest end of all is a lower bound. */
  readonly credentials?: readonly { readonly id: string; readonly expiresAt: number }[];
}

export interface NewGeneration {
  /** `gen_` and 26 characters of `randomId`. */
  readonly id: string;
  /** Versions of its static secrets as the backend names them, so that a broker without values can tell whether they changed. */
  readonly versions: string;
}

export interface NewLeaseSet {
  readonly id: string;
  readonly tokenRole: string;
  /** When an intent of which nothing more was heard is settled: intent + the backend's request limit + 60 s. */
  readonly settleAt: number;
}

export interface SessionQuery {
  /** Applied to each row; undefined selects all. */
  readonly selector?: Selector;
  readonly states?: readonly SessionState[];
  readonly workload?: string;
  /** Of one workload, bundle and node: the live one, and those before it. */
  readonly key?: SessionKey;
  readonly limit: number;
  readonly after?: string;
}

export interface LedgerCount {
  readonly sessions: Readonly<Record<SessionState, number>>;
  readonly credentials: Readonly<Record<Settlement, number>>;
  /** Oldest outstanding credential's `since`; undefined when there is none. */
  readonly oldestOutstandingAt: number | undefined;
  readonly work: number;
}
