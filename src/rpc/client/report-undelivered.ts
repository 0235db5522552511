import type { Secret } from '../../platform/secret.ts';
import type { ErrorCode } from '../../platform/error.ts';
import type { BrokerEndpoint } from './endpoint.ts';
import { flagAt, lengthField, numberField, readFields } from './protobuf.ts';
import { callOnce } from './unary-call.ts';

/** What a node says of a run whose files it could not deliver. */
export interface UndeliveredWord {
  /** As in the first message of a node's stream. */
  readonly reference: Secret;
  readonly restarts: number | undefined;
  readonly code: ErrorCode;
}

/**
 * Says it: RunService.ReportUndelivered of `run.proto`, with the field numbers written out. Returns whether the job is to be cancelled; rejects as
 * `callOnce` does.
 */
export async function reportUndelivered(
  { reference, restarts, code }: UndeliveredWord,
  how: { readonly endpoint: BrokerEndpoint; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<boolean> {
  const request = Buffer.concat([
    lengthField(1, reference.open()),
    ...(restarts === undefined ? [] : [numberField(2, restarts)]),
    lengthField(3, code),
  ]);
  const method = '/leasehold.v1.RunService/ReportUndelivered';
  return flagAt(readFields(await callOnce({ ...how, method, request })), 1);
}
