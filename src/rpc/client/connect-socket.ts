import { connect as connectTls, type TLSSocket } from 'node:tls';
import { LeaseholdError } from '../../platform/error.ts';
import type { BrokerEndpoint } from './endpoint.ts';
import { parseHostPort } from './host-port.ts';
import { unreachableReason } from './unreachable-reason.ts';

/** TLS 1.3 that speaks HTTP/2. Rejects with `broker_unavailable`, `config_invalid` or `cancelled`. */
export function connectSocket(
  endpoint: BrokerEndpoint,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const { host, port } = parseHostPort(endpoint.address);
  const pair = endpoint.clientCertificate;
  return new Promise((resolve, reject) => {
    let socket: TLSSocket;
    const fail = (error: LeaseholdError) => {
      settle();
      socket.destroy();
      reject(error);
    };
    const onAbort = () => fail(new LeaseholdError('cancelled'));
    const onError = (error: Error) =>
      fail(lost(unreachableReason(`${'code' in error ? String(error.code) : ''} ${error.message}`)));
    const timer = setTimeout(() => fail(lost('no answer in time')), timeoutMs);
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.off('error', onError);
      // Until the session listens, nobody else would.
      socket.on('error', () => undefined);
    };
    try {
      socket = connectTls({
        host,
        port,
        ca: Buffer.from(endpoint.ca),
        minVersion: 'TLSv1.3',
        // Said outright: an inherited NODE_TLS_REJECT_UNAUTHORIZED must not turn the check off.
        rejectUnauthorized: true,
        ALPNProtocols: ['h2'],
        ...(pair === undefined ? {} : { cert: Buffer.from(pair.certificate), key: Buffer.from(pair.key) }),
        ...(endpoint.serverName === undefined ? {} : { servername: endpoint.serverName }),
      });
    } catch {
      clearTimeout(timer);
      // The original message may quote the file.
      reject(
        new LeaseholdError('config_invalid', {
          detail: 'the CA, or the client certificate with its key, is not usable PEM',
        }),
      );
      return;
    }
    socket.on('error', onError);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) {
      onAbort();
      return;
    }
    socket.once('secureConnect', () => {
      if (socket.alpnProtocol !== 'h2') {
        fail(lost('the peer does not speak HTTP/2'));
        return;
      }
      settle();
      resolve(socket);
    });
  });
}

export function lost(detail: string | undefined): LeaseholdError {
  return new LeaseholdError('broker_unavailable', detail === undefined ? {} : { detail });
}
