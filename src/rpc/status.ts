import { Metadata, status } from '@grpc/grpc-js';
import { type ErrorCode, errorMessages, type LeaseholdError } from '../platform/error.ts';

/** Trailer that carries the error code. */
export const codeTrailer = 'leasehold-code';
/** Trailer that says when trying again makes sense, in milliseconds; absent when it does not. */
export const retryAfterTrailer = 'retry-after-ms';

/**
 * The one table from error codes to gRPC statuses. Clients decide by the code; the status is for generic tools and proxies,
 * which retry what is UNAVAILABLE and nothing else. Codes that arise at a holder only are here because the union is one.
 */
export const statusOf: Readonly<Record<ErrorCode, status>> = {
  admin_forbidden: status.PERMISSION_DENIED,
  admin_unauthenticated: status.UNAUTHENTICATED,
  audit_unavailable: status.UNAVAILABLE,
  backend_changed: status.FAILED_PRECONDITION,
  backend_denied: status.FAILED_PRECONDITION,
  backend_lost_reply: status.UNAVAILABLE,
  backend_not_found: status.FAILED_PRECONDITION,
  backend_rejected: status.FAILED_PRECONDITION,
  backend_reply_invalid: status.INTERNAL,
  backend_sealed: status.UNAVAILABLE,
  backend_throttled: status.UNAVAILABLE,
  backend_timeout: status.UNAVAILABLE,
  backend_unavailable: status.UNAVAILABLE,
  broker_unavailable: status.UNAVAILABLE,
  bundle_unknown: status.PERMISSION_DENIED,
  cancelled: status.CANCELLED,
  config_invalid: status.FAILED_PRECONDITION,
  credential_bad_signature: status.UNAUTHENTICATED,
  credential_expired: status.UNAUTHENTICATED,
  credential_lifetime: status.UNAUTHENTICATED,
  credential_malformed: status.UNAUTHENTICATED,
  credential_missing: status.UNAUTHENTICATED,
  credential_not_bound: status.UNAUTHENTICATED,
  credential_not_yet_valid: status.UNAUTHENTICATED,
  credential_unknown_issuer: status.UNAUTHENTICATED,
  credential_unknown_key: status.UNAUTHENTICATED,
  credential_wrong_audience: status.UNAUTHENTICATED,
  credential_wrong_workload: status.PERMISSION_DENIED,
  deadline_exceeded: status.DEADLINE_EXCEEDED,
  delivery_failed: status.INTERNAL,
  delivery_no_space: status.INTERNAL,
  delivery_not_memory: status.INTERNAL,
  delivery_unsafe: status.INTERNAL,
  enrolment_expired: status.UNAUTHENTICATED,
  enrolment_off: status.FAILED_PRECONDITION,
  enrolment_refused: status.UNAUTHENTICATED,
  enrolment_spent: status.PERMISSION_DENIED,
  enrolment_unknown: status.NOT_FOUND,
  enrolment_used: status.FAILED_PRECONDITION,
  identity_unavailable: status.UNAVAILABLE,
  internal: status.INTERNAL,
  ledger_conflict: status.ABORTED,
  ledger_unavailable: status.UNAVAILABLE,
  ledger_unusable: status.INTERNAL,
  locked: status.PERMISSION_DENIED,
  node_absent: status.FAILED_PRECONDITION,
  node_other_key: status.PERMISSION_DENIED,
  not_granted: status.PERMISSION_DENIED,
  overloaded: status.UNAVAILABLE,
  request_invalid: status.INVALID_ARGUMENT,
  session_ended: status.FAILED_PRECONDITION,
  session_unknown: status.NOT_FOUND,
  shutting_down: status.UNAVAILABLE,
  taken_over: status.ABORTED,
  tombstoned: status.PERMISSION_DENIED,
  workload_ended: status.PERMISSION_DENIED,
  workload_stale: status.UNAVAILABLE,
  workload_terminating: status.PERMISSION_DENIED,
  workload_unknown: status.PERMISSION_DENIED,
};

/** What goes to a client. */
export interface WireStatus {
  readonly code: status;
  /** Fixed text of the error code. */
  readonly details: string;
  readonly metadata: Metadata;
}

/** A status of our own making. */
export function toStatus(error: LeaseholdError): WireStatus {
  const metadata = new Metadata();
  metadata.set(codeTrailer, error.code);
  if (error.retryAfterMs !== undefined)
    metadata.set(retryAfterTrailer, String(Math.max(0, Math.ceil(error.retryAfterMs))));
  return { code: statusOf[error.code], details: errorMessages[error.code], metadata };
}
