/**
 * Every failure that crosses a folder, a log line or the wire is a LeaseholdError with one of these codes.
 * Codes are shared by replies, audit outcomes, metric labels and the documentation; they only grow.
 */
export const errorMessages = {
  admin_forbidden: 'this client certificate does not hold the right that the call needs',
  admin_unauthenticated: 'a client certificate known to the broker is required',
  audit_unavailable: 'the audit log cannot be written, so nothing is issued',
  backend_changed: 'the secret backend is not the one that made this credential',
  backend_denied: 'the secret backend denied the request',
  backend_lost_reply: 'the connection to the secret backend broke before its reply was complete',
  backend_not_found: 'the secret backend has nothing at the configured path',
  backend_rejected: 'the secret backend could not carry out the request',
  backend_reply_invalid: 'the reply of the secret backend is not what its interface promises',
  backend_sealed: 'the secret backend is sealed',
  backend_throttled: 'the secret backend asks for fewer requests',
  backend_timeout: 'the secret backend did not answer in time',
  backend_unavailable: 'the secret backend cannot be reached',
  broker_unavailable: 'the broker cannot be reached',
  bundle_unknown: 'no such bundle',
  cancelled: 'the caller went away',
  config_invalid: 'the configuration is not valid',
  credential_bad_signature: 'the credential could not be verified',
  credential_expired: 'the credential has expired',
  credential_lifetime: 'the credential lives longer than the broker accepts',
  credential_malformed: 'the credential is not a well-formed token',
  credential_missing: 'a credential is required',
  credential_not_bound: 'the credential is not bound to a pod',
  credential_not_yet_valid: 'the credential is not valid yet',
  credential_unknown_issuer: 'the issuer of the credential is not known here',
  credential_unknown_key: 'the signing key of the credential is not known here',
  credential_wrong_audience: 'the credential was made for another audience',
  credential_wrong_workload:
    'the credential belongs to another workload than the one this stream was opened for',
  deadline_exceeded: 'the request took longer than its deadline',
  delivery_failed: 'the files could not be written',
  delivery_no_space: 'the target filesystem is full',
  delivery_not_memory: 'the target is not on a memory filesystem',
  delivery_unsafe: 'the target folder is not one that files can be placed in safely',
  enrolment_expired: 'the enrolment token has expired',
  enrolment_off: 'this broker enrols no nodes',
  enrolment_refused: 'the enrolment token is not one that this node has now',
  enrolment_spent: 'the enrolment token was used with another key',
  enrolment_unknown: 'this node has no enrolment token',
  enrolment_used: 'the enrolment token of this node was used already, and cannot be withdrawn',
  identity_unavailable: 'the cluster cannot be asked about this workload now',
  internal: 'internal error',
  ledger_conflict: 'another request changed this session first',
  ledger_unavailable: 'the ledger cannot be written',
  ledger_unusable: 'the ledger cannot be used',
  locked: 'a lock refuses this workload',
  node_absent: 'no agent of this node has come for the files of the run',
  node_other_key: 'this node is bound to another key, and its certificate is not a newer one',
  not_granted: 'no grant allows this workload to hold this bundle',
  overloaded: 'the broker is busy, try again later',
  request_invalid: 'the request breaks a rule of the interface',
  session_ended: 'the session has ended',
  session_unknown: 'no such session',
  shutting_down: 'this broker is going down, try another one',
  taken_over: 'another stream of the same holder has taken over',
  tombstoned: 'what this workload held was revoked and may not come back',
  workload_ended: 'the workload has ended',
  workload_stale: 'knowledge about running workloads is too old to issue anything',
  workload_terminating: 'the workload is being terminated',
  workload_unknown: 'the workload does not exist',
} as const;

export type ErrorCode = keyof typeof errorMessages;

/** For text from outside of this process: another version may know other codes. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorMessages, text);
}

export interface LeaseholdErrorOptions {
  /** For the log only: facts in our own words, never a third party's message and never a value that was refused. */
  readonly detail?: string;
  /** For the log only, through the allow-list serialiser. */
  readonly cause?: unknown;
  /** When trying again makes sense, in milliseconds. */
  readonly retryAfterMs?: number;
}

/** `message` is the fixed public text of the code and safe to show to anybody. */
export class LeaseholdError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, options: LeaseholdErrorOptions = {}) {
    super(errorMessages[code], options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LeaseholdError';
    this.code = code;
    this.detail = options.detail;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** Anything unknown becomes `internal`, with the original kept for the log. */
  static from(error: unknown): LeaseholdError {
    return error instanceof LeaseholdError ? error : new LeaseholdError('internal', { cause: error });
  }
}

/** True for a LeaseholdError with one of the given codes. */
export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): error is LeaseholdError {
  return error instanceof LeaseholdError && codes.includes(error.code);
}
