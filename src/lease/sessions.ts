import type { CanaryStatus } from './canary/canary.ts';
import type { Identity, Verified } from '../identity/identity.ts';
import type { Credential, Lock, SessionWithHolders, Tombstone } from '../ledger/ledger.ts';
import type { ErrorCode } from '../platform/error.ts';
import type { Secret } from '../platform/secret.ts';
import type { Bundle, FileLayout } from '../policy/bundle.ts';
import type { Decision } from '../policy/decision.ts';
import type { Selector } from '../policy/selector.ts';

/** What the stream layer calls: one attachment per holder's stream. */
export interface Sessions {
  /**
   * Registers a proved holder and records the attach. A second stream of the same holder takes over; the first is told by
   * `send({kind:'taken_over'})`. `send` must not block and must not throw; a holder that does not read is the stream layer's to end.
   */
  attach(options: {
    readonly verified: Verified;
    /** False: the workload is terminating or knowledge is stale, so only sessions that it holds already may go on. */
    readonly mayOpen: boolean;
    readonly send: (message: HolderMessage) => void;
  }): Promise<Attachment>;
  /** Nothing new is opened any more; resolves when reads under way have ended or the signal aborts. */
  drain(options: { readonly signal: AbortSignal }): Promise<void>;
}

/** One holder's stream. Methods reject only with codes that end the stream; a refusal of one bundle is a message. */
export interface Attachment {
  open(request: OpenRequest, options: { readonly signal: AbortSignal }): Promise<void>;
  delivered(request: { readonly session: string; readonly generation: string }): Promise<void>;
  wiped(request: { readonly session: string }): Promise<void>;
  release(request: { readonly session: string }): Promise<void>;
  /** A fresh credential of the same workload; `credential_wrong_workload` otherwise. */
  refresh(verified: Verified): Promise<void>;
  /** The stream has ended. Idempotent, never throws. */
  detach(): Promise<void>;
}

export interface OpenRequest {
  readonly bundle: string;
  readonly requestKey: string;
  /** What the holder still has. */
  readonly resume: { readonly session: string; readonly generation: string } | undefined;
}

/** To the holder; the stream layer writes them out in this order. */
export type HolderMessage =
  | {
      readonly kind: 'opened';
      readonly bundle: Bundle;
      readonly session: string;
      readonly deadlineAt: number;
      readonly resumed: boolean;
      readonly leased: boolean;
    }
  | {
      readonly kind: 'generation';
      readonly session: string;
      readonly generation: { readonly id: string; readonly number: number };
      readonly secrets: readonly DeliveredSecret[];
      readonly files: readonly FileLayout[];
      /** 0 when there is none. */
      readonly previousUntil: number;
    }
  | {
      readonly kind: 'refused';
      readonly bundle: string;
      readonly code: ErrorCode;
      readonly retryAfterMs: number;
    }
  | {
      readonly kind: 'revoked';
      readonly session: string;
      readonly reason: RevokedReason;
      readonly mayReopen: boolean;
    }
  | { readonly kind: 'degraded'; readonly session: string; readonly code: ErrorCode; readonly since: number }
  | { readonly kind: 'recovered'; readonly session: string }
  | { readonly kind: 'credential_wanted'; readonly by: number }
  | {
      readonly kind: 'redirect';
      readonly bundle: string;
      readonly session: string;
      readonly address: string;
      readonly epoch: number;
    }
  /** Another stream of the same holder has taken over; this one is to be ended. */
  | { readonly kind: 'taken_over' }
  /** The stream is to be ended with that code: this replica cannot serve any more and another one is to be asked, or the workload has ended. */
  | { readonly kind: 'sent_away'; readonly code: ErrorCode };

export type RevokedReason =
  'admin' | 'locked' | 'workload_ended' | 'deadline' | 'released' | 'lost' | 'not_granted';

export interface DeliveredSecret {
  readonly name: string;
  /** Undefined: the holder's values of this secret still stand. */
  readonly fields: ReadonlyMap<string, Secret> | undefined;
}

/** What the admin service calls. `by` is `admin:<name>` of the client certificate. Every call is audited. */
export interface SessionAdmin {
  list(query: {
    readonly selector: Selector | undefined;
    readonly includeEnded: boolean;
    readonly pageSize: number;
    readonly after: string | undefined;
    readonly by: string;
  }): Promise<readonly SessionWithHolders[]>;
  /** `session_unknown` when there is none. */
  show(query: { readonly id: string; readonly by: string }): Promise<SessionWithHolders>;
  /** Every matching session, then each one whenever it has changed since this call, until the signal aborts. */
  watch(query: {
    readonly selector: Selector | undefined;
    readonly by: string;
    readonly signal: AbortSignal;
    /** A revocation's own look at what becomes of it: its record, written or owed, stands for both, and a full disk hides nothing. */
    readonly isRecorded?: boolean;
  }): AsyncIterable<SessionWithHolders>;
  revoke(request: AdminRequest & { readonly dryRun: boolean }): Promise<readonly SessionWithHolders[]>;
  rotate(request: AdminRequest & { readonly dryRun: boolean }): Promise<readonly SessionWithHolders[]>;
  addLock(
    request: AdminRequest & { readonly dryRun: boolean },
  ): Promise<{ readonly lock: Lock; readonly sessions: readonly SessionWithHolders[] }>;
  /** `request_invalid` when there is none. */
  removeLock(request: { readonly id: string; readonly reason: string; readonly by: string }): Promise<void>;
  listLocks(request: { readonly by: string }): Promise<readonly Lock[]>;
  explain(request: {
    readonly identity: Identity;
    readonly bundle: string;
    readonly by: string;
  }): Promise<Explanation>;
  listTombstones(request: { readonly by: string }): Promise<readonly Tombstone[]>;
  liftTombstone(request: {
    readonly workload: string;
    readonly bundle: string;
    readonly reason: string;
    readonly by: string;
  }): Promise<void>;
  /** `request_invalid` when the credential is unknown or not outstanding. */
  writeOff(request: {
    readonly credential: string;
    readonly reason: string;
    readonly by: string;
  }): Promise<SessionWithHolders>;
  /** How each path stands by its canaries. */
  listCanaries(request: {
    readonly by: string;
  }): Promise<{ readonly isEnabled: boolean; readonly canaries: readonly CanaryStatus[] }>;
  /** As `Canaries.run`. */
  runCanary(request: { readonly path: string; readonly by: string }): Promise<{
    readonly session: string | undefined;
    readonly status: CanaryStatus;
  }>;
  /** As shown to people and in the audit log. */
  hmac(credential: Credential): string;
}

export interface AdminRequest {
  /** Not empty. */
  readonly selector: Selector;
  /** 1 to 500 characters. */
  readonly reason: string;
  readonly by: string;
}

/** What would happen, with locks and tombstones considered. */
export interface Explanation {
  readonly decision: Decision;
  /** `locked` or `tombstoned` when the policy allows and one of these refuses. */
  readonly refusedBy: Extract<ErrorCode, 'locked' | 'tombstoned'> | undefined;
}
