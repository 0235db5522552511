import type { BrokerEndpoint } from './endpoint.ts';
import { bytesAt, bytesListAt, messageAt, readFields } from './protobuf.ts';
import { type MatchersAnswer, matchersAt } from './signed-matchers.ts';
import { callOnce } from './unary-call.ts';

/**
 * The broker's word on which runs need secrets: RunService.GetRunMatchers of `run.proto`, with the field numbers written out. Nothing is verified
 * yet. Rejects as `callOnce` does.
 */
export async function fetchRunMatchers(options: {
  readonly endpoint: BrokerEndpoint;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}): Promise<MatchersAnswer> {
  const method = '/leasehold.v1.RunService/GetRunMatchers';
  return decodeRunMatchers(await callOnce({ ...options, method, request: new Uint8Array(0) }));
}

/** Of a GetRunMatchersResponse. Throws `internal` for bytes that are no message. */
export function decodeRunMatchers(bytes: Uint8Array): MatchersAnswer {
  const fields = readFields(bytes);
  const signed = messageAt(fields, 4);
  return {
    matchers: matchersAt(fields, 3),
    signed: signed && {
      set: bytesAt(signed, 1),
      signature: bytesAt(signed, 2),
      certificates: bytesListAt(signed, 3),
    },
  };
}
