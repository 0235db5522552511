import { status, type StatusObject } from '@grpc/grpc-js';
import { errorMessages, LeaseholdError, type ErrorCode } from '../../platform/error.ts';

/** Trailer that carries the broker's error code; a gRPC status alone is too coarse. */
export const codeKey = 'leasehold-code';
/** Trailer with the pause, in milliseconds, after which trying again makes sense. */
export const retryAfterKey = 'retry-after-ms';

/** Longer pauses than this are not obeyed: a broker that errs must not silence a holder for good. */
const maxRetryAfterMs = 3_600_000;

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorMessages, text);
}

/**
 * Turns the end of a call into one of our errors. The status text of the peer or of grpc-js never passes: it can hold
 * addresses, certificate names and whatever a proxy in between chose to say.
 */
export function statusError(error: Pick<StatusObject, 'code' | 'metadata'>): LeaseholdError {
  const [code] = error.metadata.get(codeKey);
  const [retryAfter] = error.metadata.get(retryAfterKey);
  const retryAfterMs =
    typeof retryAfter === 'string' && /^[0-9]{1,10}$/.test(retryAfter)
      ? { retryAfterMs: Math.min(Number(retryAfter), maxRetryAfterMs) }
      : {};
  if (typeof code === 'string' && isErrorCode(code)) return new LeaseholdError(code, retryAfterMs);
  return new LeaseholdError(codeOfStatus(error.code), {
    ...retryAfterMs,
    detail: `the call ended with gRPC status ${error.code} and no code of ours`,
  });
}

/** For endings that no broker of ours worded: the transport, a proxy, or a limit that grpc-js itself enforces. */
function codeOfStatus(code: status): ErrorCode {
  switch (code) {
    case status.CANCELLED:
      return 'cancelled';
    case status.DEADLINE_EXCEEDED:
      return 'deadline_exceeded';
    case status.RESOURCE_EXHAUSTED:
      return 'overloaded';
    default:
      return 'broker_unavailable';
  }
}
