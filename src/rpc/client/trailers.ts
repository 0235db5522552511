import { type ErrorCode, isErrorCode, LeaseholdError } from '../../platform/error.ts';

/** Trailer that carries the broker's error code; a gRPC status alone is too coarse. */
export const codeKey = 'leasehold-code';
/** Trailer with the pause, in milliseconds, after which trying again makes sense. */
export const retryAfterKey = 'retry-after-ms';

/** Longer pauses than this are not obeyed: a broker that errs must not silence a holder for good. */
const maxRetryAfterMs = 3_600_000;

/**
 * The end of a call that failed, as one of our errors. `fallback` is for endings that no broker of ours worded: the
 * transport, a proxy, a limit of the library. The peer's own text never passes.
 */
export function trailerError(
  trailers: { readonly code: unknown; readonly retryAfter: unknown },
  fallback: { readonly code: ErrorCode; readonly detail: string },
): LeaseholdError {
  const { code, retryAfter } = trailers;
  const pause =
    typeof retryAfter === 'string' && /^[0-9]{1,10}$/.test(retryAfter)
      ? { retryAfterMs: Math.min(Number(retryAfter), maxRetryAfterMs) }
      : {};
  if (typeof code === 'string' && isErrorCode(code)) return new LeaseholdError(code, pause);
  return new LeaseholdError(fallback.code, { ...pause, detail: fallback.detail });
}
