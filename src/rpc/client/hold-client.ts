import { status, type ClientDuplexStream, type StatusObject } from '@grpc/grpc-js';
import { LeaseholdError } from '../../platform/error.ts';
import type { HoldRequest } from '../gen/leasehold/v1/HoldRequest.ts';
import type { HoldResponse__Output } from '../gen/leasehold/v1/HoldResponse.ts';
import { loadWorkloadApi } from '../proto.ts';
import { brokerChannel, whenConnected, type BrokerEndpoint } from './channel.ts';
import type { HoldCommand, HoldEvent } from './hold-messages.ts';
import { fromWire, toWire } from './hold-wire.ts';
import { statusError } from './status-error.ts';

/** One connected stream. Whoever dialled it closes it. */
export interface HoldStream {
  /** Never throws and never blocks; after the end of the stream it does nothing. */
  send(command: HoldCommand): void;
  /** No more will be sent; the broker ends the stream when it has answered. */
  finish(): void;
  /** Ends stream and connection at once. Idempotent. */
  close(): void;
}

export interface HoldStreamListener {
  onEvent(event: HoldEvent): void;
  /** Called exactly once, and nothing after it. Undefined when the broker ended the stream without an error. */
  onEnd(error: LeaseholdError | undefined): void;
}

export interface DialOptions {
  readonly endpoint: BrokerEndpoint;
  readonly connectTimeoutMs: number;
  readonly listener: HoldStreamListener;
  readonly signal: AbortSignal;
}

/** How a holder reaches a broker; the tests and other transports have their own. */
export type DialHold = (options: DialOptions) => Promise<HoldStream>;

/** Rejects with `broker_unavailable`, `config_invalid` or `cancelled`. Events start after it has resolved. */
export const dialHold: DialHold = async ({ endpoint, connectTimeoutMs, listener, signal }) => {
  const channel = brokerChannel(endpoint);
  const client = new (api().leasehold.v1.WorkloadService)(
    channel.target,
    channel.credentials,
    channel.options,
  );
  try {
    await whenConnected(client, { timeoutMs: connectTimeoutMs, signal });
  } catch (error) {
    client.close();
    throw error;
  }
  const call: ClientDuplexStream<HoldRequest, HoldResponse__Output> = client.hold();
  let ended = false;
  const end = (error: LeaseholdError | undefined) => {
    if (ended) return;
    ended = true;
    client.close();
    listener.onEnd(error);
  };
  call.on('data', (response: HoldResponse__Output) => {
    if (ended) return;
    try {
      const event = fromWire(response);
      if (event !== undefined) listener.onEvent(event);
    } catch (error) {
      call.cancel();
      end(LeaseholdError.from(error));
    }
  });
  // grpc-js reports a failed call here and again as a status; without a listener the process would die of it.
  call.on('error', () => undefined);
  // The status can arrive before the last messages have been read, so the end waits for both.
  let result: StatusObject | undefined;
  let drained = false;
  const endWhenBoth = () => {
    if (result !== undefined && drained) end(result.code === status.OK ? undefined : statusError(result));
  };
  call.on('status', (received) => {
    result = received;
    endWhenBoth();
  });
  call.on('end', () => {
    drained = true;
    endWhenBoth();
  });
  return {
    send: (command) => {
      if (!ended && call.writable) call.write(toWire(command));
    },
    finish: () => {
      if (!ended) call.end();
    },
    close: () => {
      if (ended) return;
      call.cancel();
      end(undefined);
    },
  };
};

let loaded: ReturnType<typeof loadWorkloadApi> | undefined;

/** Reading the definitions takes some milliseconds and memory, so it happens once and only in a process that dials. */
function api(): ReturnType<typeof loadWorkloadApi> {
  loaded ??= loadWorkloadApi();
  return loaded;
}
