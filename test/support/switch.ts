import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A way to a TCP server on loopback that a test can close: new connections break, and so do those that stand. */
export interface Switch extends AsyncDisposable {
  /** host:port */
  readonly address: string;
  close(isClosed: boolean): void;
}

/** `target` is host:port. */
export async function startSwitch(target: string): Promise<Switch> {
  const [host = '', port = ''] = target.split(':');
  const sockets = new Set<Socket>();
  let isClosed = false;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  };
  const server = createServer((near) => {
    keep(near);
    if (isClosed) {
      near.destroy();
      return;
    }
    const far = connect({ host, port: Number(port) });
    keep(far);
    near.pipe(far).pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not a TCP address');
  return {
    address: `127.0.0.1:${address.port}`,
    close: (closed) => {
      isClosed = closed;
      if (closed) sockets.forEach((socket) => socket.destroy());
    },
    [Symbol.asyncDispose]: async () => {
      sockets.forEach((socket) => socket.destroy());
      server.close();
      await once(server, 'close');
    },
  };
}
