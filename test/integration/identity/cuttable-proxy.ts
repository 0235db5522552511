import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';

/** A TCP proxy on loopback that a test can cut, so that one client loses a server that others still reach. */
export interface CuttableProxy extends AsyncDisposable {
  readonly port: number;
  /** `broken`: connections end and new ones are refused. `silent`: they stay open and nothing gets through any more. */
  set(mode: 'open' | 'broken' | 'silent'): void;
}

export async function createCuttableProxy(target: { readonly port: number }): Promise<CuttableProxy> {
  let mode: 'open' | 'broken' | 'silent' = 'open';
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  };
  const server = createServer((inbound) => {
    track(inbound);
    if (mode === 'broken') return void inbound.destroy();
    const outbound = connect(target.port, '127.0.0.1');
    track(outbound);
    for (const [from, to] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      from.on('data', (chunk) => {
        if (mode === 'open') to.write(chunk);
      });
      from.on('close', () => to.destroy());
    }
    return undefined;
  });
  const endAll = () => {
    for (const socket of [...sockets]) socket.destroy();
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    set: (next) => {
      // What a silent connection swallowed is lost, so it cannot be used again.
      if (next === 'broken' || mode === 'silent') endAll();
      mode = next;
    },
    [Symbol.asyncDispose]: async () => {
      endAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
