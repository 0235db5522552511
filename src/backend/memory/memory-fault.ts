import type { ErrorCode } from '../../platform/error.ts';

/** The calls of the port that reach the backend. */
export type MemoryOperation =
  | 'clusterId'
  | 'createToken'
  | 'read'
  | 'renewToken'
  | 'renewLease'
  | 'lookupToken'
  | 'lookupLease'
  | 'revokeLease'
  | 'revokeToken'
  | 'checkHealth';

/** One call as the backend sees it. Never holds a secret value. */
export interface MemoryCall {
  readonly operation: MemoryOperation;
  /** Token role, path, accessor or lease id; empty where the call names nothing. */
  readonly target: string;
}

/** What goes wrong with one call. Without a field set, nothing does. */
export interface MemoryFault {
  /** Waits first. A dynamic read and a token creation wait to the end; the others go when their signal does. */
  readonly delayMs?: number;
  /** Fails before anything happens. */
  readonly fail?: Extract<ErrorCode, `backend_${string}`>;
  /**
   * Throws `backend_lost_reply` after the effect. `unleased` is what a real backend sometimes leaves behind when a
   * dynamic read is cut: a credential without a lease, which only its own first ttl ends.
   */
  readonly loseReply?: 'leased' | 'unleased';
}
