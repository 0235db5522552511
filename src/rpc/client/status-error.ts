import { status, type StatusObject } from '@grpc/grpc-js';
import type { ErrorCode, LeaseholdError } from '../../platform/error.ts';
import { codeKey, retryAfterKey, trailerError } from './trailers.ts';

/**
 * Turns the end of a grpc-js call into one of our errors. The status text of the peer or of grpc-js never passes: it can
 * hold addresses, certificate names and whatever a proxy in between chose to say.
 */
export function statusError(error: Pick<StatusObject, 'code' | 'metadata'>): LeaseholdError {
  const [code] = error.metadata.get(codeKey);
  const [retryAfter] = error.metadata.get(retryAfterKey);
  return trailerError(
    { code, retryAfter },
    {
      code: codeOfStatus(error.code),
      detail: `the call ended with gRPC status ${error.code} and no code of ours`,
    },
  );
}

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
