import { type ErrorCode, hasCode, LeaseholdError } from '../platform/error.ts';

/** What a workload is told about a refusal. Whether a bundle exists is not its business. */
export function publicCode(error: unknown): { readonly code: ErrorCode; readonly retryAfterMs: number } {
  const known = LeaseholdError.from(error);
  if (known.code === 'bundle_unknown') return { code: 'not_granted', retryAfterMs: 0 };
  return { code: known.code, retryAfterMs: known.retryAfterMs ?? (isPassing(error) ? 2_000 : 0) };
}

/** True when the answer was no; otherwise it could not be given. */
export function isRefusal(error: LeaseholdError): boolean {
  return hasCode(
    error,
    'bundle_unknown',
    'locked',
    'not_granted',
    'session_unknown',
    'shutting_down',
    'overloaded',
    'tombstoned',
    'workload_ended',
    'workload_stale',
    'workload_terminating',
    'workload_unknown',
  );
}

function isPassing(error: unknown): boolean {
  return hasCode(
    error,
    'audit_unavailable',
    'backend_lost_reply',
    'backend_rejected',
    'backend_sealed',
    'backend_throttled',
    'backend_timeout',
    'backend_unavailable',
    'deadline_exceeded',
    'ledger_conflict',
    'ledger_unavailable',
    'overloaded',
    'shutting_down',
    'workload_stale',
  );
}
