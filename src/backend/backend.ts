import type { Secret } from '../platform/secret.ts';
import type { SecretSource } from '../policy/bundle.ts';

/**
 * The secret backend, as far as Leasehold uses it. Two adapters pass one contract suite: Vault / OpenBao and memory.
 * Only calls that both products have, and only those that the printed broker policy allows.
 * Every method throws LeaseholdError with a `backend_*` code, or `cancelled`.
 */
export interface Backend {
  /** The backend's own clock, estimated from its replies, milliseconds since the Unix epoch. Deadlines count by it. */
  now(): number;
  /** Changes when the backend was wiped or replaced: then "not found" proves nothing. */
  clusterId(options: { readonly signal: AbortSignal }): Promise<string>;
  /**
   * An orphan service token through the bundle's token role, with a probationary ttl. The reply is checked (orphan, ttl,
   * policies, type, renewable, no period); a token that fails the check is revoked before `backend_reply_invalid` is thrown.
   */
  createToken(options: {
    readonly tokenRole: string;
    /** Goes into the token's metadata, so that an operator can find the row behind a token. */
    readonly intent: string;
    readonly signal: AbortSignal;
  }): Promise<BackendToken>;
  /**
   * Reads one secret with a session's or bundle's token. A dynamic read is not aborted by `signal` before the backend's own
   * request limit, because a cut read can leave a credential without a lease; `backend_lost_reply` or `backend_timeout`
   * then mean: revoke the token and start over, never read again with it.
   */
  read(options: {
    readonly token: Secret;
    readonly source: SecretSource;
    readonly signal: AbortSignal;
  }): Promise<BackendSecret>;
  /** Seconds granted. `backend_not_found` when the token is gone. */
  renewToken(options: {
    readonly accessor: string;
    readonly incrementSeconds: number;
    readonly signal: AbortSignal;
  }): Promise<Renewal>;
  /** Seconds granted. `backend_not_found` when the lease is gone. */
  renewLease(options: {
    readonly leaseId: string;
    readonly incrementSeconds: number;
    readonly signal: AbortSignal;
  }): Promise<Renewal>;
  /** Present with the seconds it has left, or absent. Anything else throws. */
  lookupToken(options: { readonly accessor: string; readonly signal: AbortSignal }): Promise<Presence>;
  lookupLease(options: { readonly leaseId: string; readonly signal: AbortSignal }): Promise<Presence>;
  /** Synchronous. Returns when the backend says that it has revoked. Revoking what is gone also returns. */
  revokeLease(options: { readonly leaseId: string; readonly signal: AbortSignal }): Promise<void>;
  revokeToken(options: { readonly accessor: string; readonly signal: AbortSignal }): Promise<void>;
  /** Cheap and unauthenticated; throws when the backend cannot serve. */
  checkHealth(options: { readonly signal: AbortSignal }): Promise<void>;
  /** The backend's own limit for one request: after it, a request that was cut has certainly ended. Milliseconds. */
  readonly requestLimitMs: number;
  /** Probationary ttl of a new token, seconds; at most 60. */
  readonly probationSeconds: number;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface BackendToken {
  readonly token: Secret;
  readonly accessor: string;
  readonly ttlSeconds: number;
}

export interface BackendSecret {
  /** Field name to bytes; JSON text for fields that are not strings. */
  readonly fields: ReadonlyMap<string, Secret>;
  /** Present when the read made a lease. */
  readonly lease?: { readonly leaseId: string; readonly ttlSeconds: number; readonly renewable: boolean };
  /** Version of the content where the engine has one, otherwise empty. */
  readonly version: string;
}

export interface Renewal {
  readonly ttlSeconds: number;
}

export type Presence = { readonly present: true; readonly ttlSeconds: number } | { readonly present: false };
