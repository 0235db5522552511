import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A way to a TCP server on loopback that a test can close, so that new connections break and so do those that stand, or block. */
export interface Switch extends AsyncDisposable {
  /** host:port */
  readonly address: string;
  close(isClosed: boolean): void;
  /** From now on nothing gets through in that direction, and nobody is told; undefined lets through what has waited. */
  block(direction: Direction | undefined): void;
  /** Whether anything waits. */
  isWaitedFor(): boolean;
}

export type Direction = 'requests' | 'answers';

/** `target` is host:port. */
export async function startSwitch(target: string): Promise<Switch> {
  const [host = '', port = ''] = target.split(':');
  const sockets = new Set<Socket>();
  let isClosed = false;
  let blocked: Direction | undefined;
  let waiting: (() => void)[] = [];
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  };
  const pass = (from: Socket, to: Socket, direction: Direction): void => {
    from.on('data', (chunk: Buffer) => {
      const send = () => {
        if (!to.destroyed) to.write(chunk);
      };
      if (blocked === direction) waiting.push(send);
      else send();
    });
    from.on('end', () => to.end());
  };
  const server = createServer((near) => {
    keep(near);
    if (isClosed) {
      near.destroy();
      return;
    }
    const far = connect({ host, port: Number(port) });
    keep(far);
    pass(near, far, 'requests');
    pass(far, near, 'answers');
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
    block: (direction) => {
      blocked = direction;
      const send = waiting;
      waiting = [];
      send.forEach((one) => one());
    },
    isWaitedFor: () => waiting.length > 0,
    [Symbol.asyncDispose]: async () => {
      sockets.forEach((socket) => socket.destroy());
      server.close();
      await once(server, 'close');
    },
  };
}
