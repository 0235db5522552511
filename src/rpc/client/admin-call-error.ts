import { Metadata, status } from '@grpc/grpc-js';
import { isErrorCode, LeaseholdError } from '../../platform/error.ts';
import { statusError } from './status-error.ts';
import { codeKey } from './trailers.ts';
import { unreachableReason } from './unreachable-reason.ts';

interface CallFailure {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

function isCallFailure(error: unknown): error is CallFailure {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'number' &&
    'metadata' in error &&
    error.metadata instanceof Metadata &&
    'details' in error &&
    typeof error.details === 'string'
  );
}

/**
 * The end of an admin call as one of our errors. Without a code of ours in the trailer nobody of ours answered, and only
 * what the transport says can tell why: no answer in time is out of reach, too; a call that the peer does not know is not.
 */
export function adminCallError(error: unknown, signal: AbortSignal): LeaseholdError {
  if (error instanceof LeaseholdError) return error;
  if (signal.aborted) return new LeaseholdError('cancelled');
  if (!isCallFailure(error)) return new LeaseholdError('internal', { cause: error });
  const [code] = error.metadata.get(codeKey);
  if (typeof code === 'string' && isErrorCode(code)) return statusError(error);
  switch (error.code) {
    case status.UNAVAILABLE:
    case status.DEADLINE_EXCEEDED: {
      const detail =
        error.code === status.DEADLINE_EXCEEDED ? 'no answer in time' : unreachableReason(error.details);
      return new LeaseholdError('broker_unavailable', detail === undefined ? {} : { detail });
    }
    case status.UNIMPLEMENTED:
      return new LeaseholdError('internal', {
        detail: 'the peer does not know this call; is it the admin listener?',
      });
    case status.UNAUTHENTICATED:
      return new LeaseholdError('admin_unauthenticated');
    case status.PERMISSION_DENIED:
      return new LeaseholdError('admin_forbidden');
    case status.INTERNAL:
    case status.UNKNOWN:
    case status.DATA_LOSS:
      return new LeaseholdError('internal', { detail: 'the broker failed and did not say why' });
    default:
      return statusError(error);
  }
}

/** proto3 lets a message field be absent; an answer without its subject is not an answer. */
export function finished<T>(message: T | null | undefined): T {
  if (message === null || message === undefined) {
    throw new LeaseholdError('internal', { detail: 'the answer of the broker is incomplete' });
  }
  return message;
}
