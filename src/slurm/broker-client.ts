import { createHash } from 'node:crypto';
import type { CallOptions, requestCallback } from '@grpc/grpc-js';
import { hasCode, LeaseholdError } from '../platform/error.ts';
import { readSmallFile } from '../platform/small-file.ts';
import { adminCallError } from '../rpc/client/admin-call-error.ts';
import { brokerChannel } from '../rpc/client/channel.ts';
import type { EndRunRequest } from '../rpc/gen/leasehold/v1/EndRunRequest.ts';
import type { EndRunResponse__Output as Ended } from '../rpc/gen/leasehold/v1/EndRunResponse.ts';
import type { GetRunMatchersResponse__Output as Matchers } from '../rpc/gen/leasehold/v1/GetRunMatchersResponse.ts';
import type { RegisterRunRequest } from '../rpc/gen/leasehold/v1/RegisterRunRequest.ts';
import type { RegisterRunResponse__Output as Registered } from '../rpc/gen/leasehold/v1/RegisterRunResponse.ts';
import type { ReportRunsRequest } from '../rpc/gen/leasehold/v1/ReportRunsRequest.ts';
import type { ReportRunsResponse__Output as Reported } from '../rpc/gen/leasehold/v1/ReportRunsResponse.ts';
import type { RunServiceClient } from '../rpc/gen/leasehold/v1/RunService.ts';
import { loadRunApi } from '../rpc/proto.ts';
import type { SignerConfig } from './config.ts';

/**
 * Between attempts to connect. The channel lives as long as the signer, and grpc-js would come to wait for 2 minutes: jobs would be held so long after a
 * broker is back.
 */
const reconnect = { 'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': 1_000 };

/**
 * As long as a broker works on one call. No hook waits for a report, and one of very many runs that have ended takes its time: what is
 * given up too early is only done again.
 */
const reportMs = 60_000;

/**
 * The broker's RunService. Asks one address after the other, the one that answered last first, each call within `timeoutMs` in all, a report
 * within a time of its own at each. Every call may be made twice: the broker gives the same answer. Throws a decision of a broker's, or
 * `cancelled`, or else what the last one was in trouble with.
 */
export interface BrokerClient extends Disposable {
  /** Another one when CA, certificate or key are other ones. */
  readonly filesId: string;
  register(request: RegisterRunRequest, signal: AbortSignal): Promise<Registered>;
  end(request: EndRunRequest, signal: AbortSignal): Promise<Ended>;
  report(request: ReportRunsRequest, signal: AbortSignal): Promise<Reported>;
  matchers(signal: AbortSignal): Promise<Matchers>;
}

/**
 * What every broker would say of this run, now and later. Anything else is trouble of one broker or one moment, such as a full audit disk, a key that it
 * has not read yet or a clock that is off: another may do better, and a job must not fail for it.
 */
export function isDecision(error: unknown): boolean {
  return hasCode(
    error,
    'bundle_unknown',
    'credential_lifetime',
    'credential_malformed',
    'credential_wrong_workload',
    'locked',
    'not_granted',
    'request_invalid',
    'tombstoned',
    'workload_ended',
    'workload_terminating',
    'workload_unknown',
  );
}

type Start<Response> = (
  service: RunServiceClient,
  options: CallOptions,
  done: requestCallback<Response>,
) => { cancel(): void };

/** Throws `config_invalid` when a file cannot be used. */
export async function connectBroker(
  broker: SignerConfig['broker'],
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<BrokerClient> {
  const read = (file: string) => readSmallFile(file, { maxBytes: 1_048_576 });
  const [ca, certificate, key] = [
    await read(broker.ca),
    await read(broker.certificate),
    await read(broker.key),
  ];
  const filesId = createHash('sha256').update(ca).update(certificate).update(key).digest('hex');
  const services = broker.addresses.map((address) => {
    const { serverName } = broker;
    const { target, credentials, options } = brokerChannel({
      address,
      ca,
      clientCertificate: { certificate, key },
      ...(serverName === undefined ? {} : { serverName }),
    });
    return new (loadRunApi().leasehold.v1.RunService)(target, credentials, { ...options, ...reconnect });
  });
  key.fill(0);
  let first = 0;

  const once = <Response>(
    service: RunServiceClient,
    start: Start<Response>,
    until: number,
    signal: AbortSignal,
  ) =>
    new Promise<Response>((resolve, reject) => {
      if (signal.aborted) {
        reject(new LeaseholdError('cancelled'));
        return;
      }
      const cancel = () => running.cancel();
      // grpc-js wants a date of the wall clock, whatever clock the rest runs on.
      const running = start(service, { deadline: new Date(until) }, (error, response) => {
        signal.removeEventListener('abort', cancel);
        if (error !== null) reject(adminCallError(error, signal));
        else if (response === undefined) reject(new LeaseholdError('internal', { detail: 'empty answer' }));
        else resolve(response);
      });
      signal.addEventListener('abort', cancel, { once: true });
    });

  const call = async <Response>(
    start: Start<Response>,
    signal: AbortSignal,
    eachMs?: number,
  ): Promise<Response> => {
    const end = Date.now() + timeoutMs;
    let trouble: LeaseholdError | undefined;
    for (let index = 0; index < services.length; index += 1) {
      const chosen = (first + index) % services.length;
      const service = services[chosen];
      if (service === undefined) break;
      // A silent one must leave time for the others.
      const share = eachMs ?? (end - Date.now()) / (services.length - index);
      try {
        const response = await once(service, start, Date.now() + share, signal);
        first = chosen;
        return response;
      } catch (error) {
        if (isDecision(error) || hasCode(error, 'cancelled')) throw error;
        trouble = LeaseholdError.from(error);
      }
    }
    throw trouble ?? new LeaseholdError('broker_unavailable');
  };

  return {
    filesId,
    register: (request, signal) =>
      call((service, how, done) => service.registerRun(request, how, done), signal),
    end: (request, signal) => call((service, how, done) => service.endRun(request, how, done), signal),
    report: (request, signal) =>
      call((service, how, done) => service.reportRuns(request, how, done), signal, reportMs),
    matchers: (signal) => call((service, how, done) => service.getRunMatchers({}, how, done), signal),
    [Symbol.dispose]: () => services.forEach((service) => service.close()),
  };
}
