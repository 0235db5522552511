import { type ServerInterceptor, ServerInterceptingCall, status } from '@grpc/grpc-js';
import { type ErrorCode, LeaseholdError } from '../platform/error.ts';
import { codeTrailer, toStatus } from './status.ts';

/** A call that grpc-js ended by itself, beside our handlers. */
export interface ForeignEnd {
  /** `/package.Service/Method` */
  readonly path: string;
  /** address:port */
  readonly peer: string;
  readonly code: ErrorCode;
}

/**
 * Every status on its way out passes here, those that grpc-js words by itself included: it repeats sizes, header values and error messages.
 * They become codes and fixed texts of ours. `sendStatus` is replaced on the innermost call, because that is the one whose own
 * failures (a message that is too long, not decodable, compressed in an unknown way) do not pass the interceptors around it.
 */
export function createStatusGuard(options: {
  readonly onEnd: (path: string, code: ErrorCode | 'ok') => void;
  readonly onForeign: (end: ForeignEnd) => void;
}): ServerInterceptor {
  return ({ path }, call) => {
    const send = call.sendStatus.bind(call);
    call.sendStatus = (outgoing) => {
      const ours = outgoing.metadata?.get(codeTrailer)[0];
      if (outgoing.code === status.OK || ours !== undefined) {
        options.onEnd(path, outgoing.code === status.OK ? 'ok' : toKnown(ours));
        send(outgoing);
        return;
      }
      const code = codeOfForeign(outgoing.code, outgoing.details);
      options.onEnd(path, code);
      options.onForeign({ path, peer: call.getPeer(), code });
      send(toStatus(new LeaseholdError(code)));
    };
    return new ServerInterceptingCall(call);
  };
}

function toKnown(code: unknown): ErrorCode {
  return typeof code === 'string' ? (code as ErrorCode) : 'internal';
}

/** The texts are those of the pinned version; another one would only turn `request_invalid` into `internal`. */
const requestTrouble = /^(Error deserializing|Failed to decompress|Invalid grpc-timeout|Received )/;

function codeOfForeign(foreign: unknown, details: string | undefined): ErrorCode {
  switch (foreign) {
    case status.CANCELLED:
      return 'cancelled';
    case status.DEADLINE_EXCEEDED:
      return 'deadline_exceeded';
    case status.RESOURCE_EXHAUSTED:
    case status.UNIMPLEMENTED:
      return 'request_invalid';
    default:
      return requestTrouble.test(details ?? '') ? 'request_invalid' : 'internal';
  }
}
