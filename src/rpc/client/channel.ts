import { isIP } from 'node:net';
import { checkServerIdentity, createSecureContext } from 'node:tls';
import { ChannelCredentials, connectivityState, type Client, type ClientOptions } from '@grpc/grpc-js';
import { LeaseholdError } from '../../platform/error.ts';
import type { BrokerEndpoint } from './endpoint.ts';
import { parseHostPort } from './host-port.ts';

/** What a generated grpc-js client is constructed with: `new Client(target, credentials, options)`. */
export interface BrokerChannel {
  readonly target: string;
  readonly credentials: ChannelCredentials;
  readonly options: ClientOptions;
}

const keepaliveTimeMs = 30_000;
const keepaliveTimeoutMs = 10_000;
/** The broker's own limit on what it sends is lower; a larger message is not from a broker of ours. */
const maxReceiveBytes = 8 * 1024 * 1024;
/** RFC 6066 has no server name for an address; RFC 2606 keeps `.invalid` free of real ones. */
const nameForAddresses = 'address.invalid';

/** Throws `config_invalid` when the address, the CA or the key pair cannot be used. */
export function brokerChannel(endpoint: BrokerEndpoint): BrokerChannel {
  const { host, port } = parseHostPort(endpoint.address);
  const name = endpoint.serverName ?? host;
  return {
    target: host.includes(':') ? `ipv6:[${host}]:${port}` : `dns:${host}:${port}`,
    credentials: ChannelCredentials.createFromSecureContext(secureContext(endpoint), {
      // Whatever name grpc-js comes to ask with, the certificate must carry this one.
      checkServerIdentity: (_asked, certificate) => checkServerIdentity(name, certificate),
    }),
    options: {
      // Node refuses an address as TLS server name, and grpc-js would send it; the check above still asks for the address.
      'grpc.ssl_target_name_override': isIP(name) === 0 ? name : nameForAddresses,
      ...(endpoint.serverName === undefined ? {} : { 'grpc.default_authority': endpoint.serverName }),
      'grpc.keepalive_time_ms': keepaliveTimeMs,
      'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
      'grpc.max_receive_message_length': maxReceiveBytes,
      // An inherited http_proxy variable must not be able to put itself between a workload and its broker.
      'grpc.enable_http_proxy': 0,
      // DNS must not be able to set retry or balancing behaviour.
      'grpc.service_config_disable_resolution': 1,
      // Reconnecting is the caller's, with its own jitter and a fresh credential each time.
      'grpc.enable_retries': 0,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_channelz': 0,
    },
  };
}

function secureContext(endpoint: BrokerEndpoint) {
  const pair = endpoint.clientCertificate;
  try {
    return createSecureContext({
      minVersion: 'TLSv1.3',
      ca: Buffer.from(endpoint.ca),
      ...(pair === undefined ? {} : { cert: Buffer.from(pair.certificate), key: Buffer.from(pair.key) }),
    });
  } catch {
    // The original message may quote parts of the key file.
    throw new LeaseholdError('config_invalid', {
      detail: 'the CA, or the client certificate with its key, is not usable PEM',
    });
  }
}

/**
 * Resolves when the channel is connected. `broker_unavailable` on the first failed attempt or after `timeoutMs`,
 * `cancelled` when the signal aborts.
 */
export async function whenConnected(
  client: Client,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const channel = client.getChannel();
  const deadline = Date.now() + options.timeoutMs;
  let state = channel.getConnectivityState(true);
  while (state !== connectivityState.READY) {
    if (options.signal.aborted) throw new LeaseholdError('cancelled');
    if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) {
      throw new LeaseholdError('broker_unavailable', { detail: 'connection or TLS handshake failed' });
    }
    const known = state;
    await new Promise<void>((resolve) => {
      const done = () => {
        options.signal.removeEventListener('abort', done);
        resolve();
      };
      options.signal.addEventListener('abort', done, { once: true });
      channel.watchConnectivityState(known, deadline, done);
    });
    state = channel.getConnectivityState(true);
    if (state !== connectivityState.READY && Date.now() >= deadline) {
      throw new LeaseholdError('broker_unavailable', { detail: 'no connection in time' });
    }
  }
}
