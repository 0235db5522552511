import { createHash } from 'node:crypto';
import type { LeaseholdError } from '../../platform/error.ts';
import type { BrokerEndpoint } from './endpoint.ts';
import { connectHold, type HoldConnection } from './hold-connection.ts';
import type { HoldCommand, HoldEvent } from './hold-messages.ts';

/** One connected stream. Whoever dialled it closes it. */
export interface HoldStream {
  /** Never throws and never blocks; after the end of the stream it does nothing. */
  send(command: HoldCommand): void;
  /** No more will be sent; the broker ends the stream when it has answered. */
  finish(): void;
  /** Ends the stream at once, and the connection when it was the last on it. Idempotent. */
  close(): void;
}

export interface HoldStreamListener {
  onEvent(event: HoldEvent): void;
  /** Called exactly once, and nothing after it. Undefined when the stream was ended without an error, or by `close`. */
  onEnd(error: LeaseholdError | undefined): void;
}

export interface DialOptions {
  readonly endpoint: BrokerEndpoint;
  readonly connectTimeoutMs: number;
  readonly listener: HoldStreamListener;
  readonly signal: AbortSignal;
}

/** How a holder reaches a broker. */
export type DialHold = (options: DialOptions) => Promise<HoldStream>;

/** A connection for each stream. Rejects with `broker_unavailable`, `config_invalid` or `cancelled`. */
export const dialHold: DialHold = async ({ endpoint, connectTimeoutMs, listener, signal }) =>
  (await connectHold({ endpoint, timeoutMs: connectTimeoutMs, signal })).open(listener);

/** The next job of a node often comes as one ends: it finds the connection yet, whose making costs both sides more than all else of a stream. */
const defaultRestMs = 5_000;

/**
 * One connection for all streams to the same address with the same certificates, and for those that come soon after the last one; with renewed ones,
 * new streams come on a new connection while the old ones go on. Rejects as `dialHold` does.
 */
export function createSharedDial({ restMs = defaultRestMs }: { readonly restMs?: number } = {}): DialHold {
  const connections = new Map<string, { readonly made: Promise<HoldConnection>; ready?: HoldConnection }>();

  const connection = (endpoint: BrokerEndpoint, timeoutMs: number): Promise<HoldConnection> => {
    const key = identify(endpoint);
    const known = connections.get(key);
    if (known !== undefined && known.ready?.isOpen() !== false) return known.made;
    // No stream's own signal: one that is given up must not end the connection that others wait for.
    const { signal } = new AbortController();
    const made = connectHold({ endpoint, timeoutMs, signal, restMs });
    const entry: { readonly made: Promise<HoldConnection>; ready?: HoldConnection } = { made };
    // Those of other certificates live on in their streams; those of other brokers are asked for by their own key.
    for (const [old, { ready }] of connections) if (ready?.isOpen() === false) connections.delete(old);
    connections.set(key, entry);
    made.then(
      (ready) => (entry.ready = ready),
      () => connections.get(key) === entry && connections.delete(key),
    );
    return made;
  };

  const dial: DialHold = async (options) => {
    const shared = await connection(options.endpoint, options.connectTimeoutMs);
    // It may have ended with its only other stream between its coming about and this turn.
    return shared.isOpen() ? shared.open(options.listener) : dial(options);
  };
  return dial;
}

/** Without a plain copy of the key as a name in memory. */
function identify({ address, ca, clientCertificate, serverName }: BrokerEndpoint): string {
  const digest = createHash('sha256');
  for (const part of [address, serverName ?? '', ca, clientCertificate?.certificate, clientCertificate?.key])
    digest.update(
      createHash('sha256')
        .update(part ?? '')
        .digest(),
    );
  return digest.digest('hex');
}
