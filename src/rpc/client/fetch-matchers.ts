import type { RunMatcher } from '../../platform/run-matchers.ts';
import type { BrokerEndpoint } from './endpoint.ts';
import { flagAt, hasField, messagesAt, readFields, textsAt } from './protobuf.ts';
import { callOnce } from './unary-call.ts';

/**
 * The broker's word on which runs need secrets: RunService.GetRunMatchers of `run.proto`, with the field numbers written out. Rejects as
 * `callOnce` does.
 */
export async function fetchRunMatchers(options: {
  readonly endpoint: BrokerEndpoint;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}): Promise<readonly RunMatcher[]> {
  const method = '/leasehold.v1.RunService/GetRunMatchers';
  return decodeRunMatchers(await callOnce({ ...options, method, request: new Uint8Array(0) }));
}

/** Of a GetRunMatchersResponse. Throws `internal` for bytes that are no message. */
export function decodeRunMatchers(bytes: Uint8Array): readonly RunMatcher[] {
  return messagesAt(readFields(bytes), 3).map((matcher) => ({
    users: textsAt(matcher, 2),
    groups: textsAt(matcher, 3),
    partitions: textsAt(matcher, 4),
    accounts: textsAt(matcher, 5),
    qos: textsAt(matcher, 6),
    nodes: textsAt(matcher, 7),
    ...(hasField(matcher, 8) ? { array: flagAt(matcher, 8) } : {}),
  }));
}
