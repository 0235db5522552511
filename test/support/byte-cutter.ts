import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export type Direction = 'request' | 'reply';

/** A way to a TCP server on loopback that breaks at one byte, whatever that byte means. */
export interface ByteCutter extends AsyncDisposable {
  readonly port: number;
  /**
   * Of all connections together, so many bytes more pass in that direction; then the connection that carries the next one breaks, on both
   * sides. All others stay. Resolves when it has happened; rejects with the signal's reason.
   */
  cutAfter(
    where: { readonly direction: Direction; readonly bytes: number },
    options: { readonly signal: AbortSignal },
  ): Promise<void>;
}

interface Armed {
  readonly direction: Direction;
  left: number;
  readonly done: () => void;
}

export async function startByteCutter(target: { readonly port: number }): Promise<ByteCutter> {
  const sockets = new Set<Socket>();
  let armed: Armed | undefined;
  const track = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
  };
  /** What of it passes; undefined for all of it. */
  const passing = (direction: Direction, chunk: Buffer): Buffer | undefined => {
    if (armed?.direction !== direction) return undefined;
    if (chunk.byteLength <= armed.left) {
      armed.left -= chunk.byteLength;
      return undefined;
    }
    const head = chunk.subarray(0, armed.left);
    armed.done();
    armed = undefined;
    return head;
  };
  const server = createServer((near) => {
    const far = track(connect(target.port, '127.0.0.1'));
    track(near);
    const carry = (direction: Direction, from: Socket, to: Socket) => {
      from.on('data', (chunk: Buffer) => {
        const head = passing(direction, chunk);
        if (head === undefined) {
          to.write(chunk);
          return;
        }
        // The bytes before the cut arrive, and then the end.
        from.destroy();
        to.end(head, () => to.destroy());
      });
      from.on('end', () => to.end());
      from.on('close', () => to.end());
    };
    carry('request', near, far);
    carry('reply', far, near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    cutAfter: ({ direction, bytes }, { signal }) =>
      new Promise((resolve, reject) => {
        const giveUp = () => {
          armed = undefined;
          reject(new Error(`no byte ${bytes} of a ${direction} came`, { cause: signal.reason }));
        };
        signal.addEventListener('abort', giveUp, { once: true });
        const done = () => {
          signal.removeEventListener('abort', giveUp);
          resolve();
        };
        armed = { direction, left: bytes, done };
      }),
    [Symbol.asyncDispose]: async () => {
      for (const socket of [...sockets]) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
