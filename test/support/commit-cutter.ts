import { connect, createServer, type Socket } from 'node:net';

/**
 * How the proxy treats the next COMMIT of a client of PostgreSQL. `lost`: it never reaches the server. `unanswered`: it does, and the
 * answer never reaches the client. `late`: the client is cut off first, the server gets it some time later.
 */
export type Cut = 'lost' | 'unanswered' | 'late';

export interface CommitCutter extends AsyncDisposable {
  readonly port: number;
  /** Cuts the connection of the next COMMIT; those after it pass. */
  cutNext(how: Cut): void;
  /** COMMITs that were cut so far. */
  cuts(): number;
  /** Refuses new connections while true. */
  refuse(refused: boolean): void;
}

/** A simple query message of the frontend: https://www.postgresql.org/docs/current/protocol-message-formats.html */
const commitMessage = Buffer.from([0x51, 0, 0, 0, 11, ...Buffer.from('COMMIT\0')]);
const lateMs = 300;

/** A TCP proxy on loopback before a PostgreSQL, for clients that do not encrypt. */
export async function startCommitCutter(target: { readonly port: number }): Promise<CommitCutter> {
  let next: Cut | undefined;
  let cuts = 0;
  let isRefusing = false;
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  };
  const server = createServer((inbound) => {
    track(inbound);
    if (isRefusing) {
      inbound.destroy();
      return;
    }
    const outbound = connect(target.port, '127.0.0.1');
    track(outbound);
    let isCut = false;
    inbound.on('data', (chunk: Buffer) => {
      if (next === undefined || !chunk.includes(commitMessage)) {
        outbound.write(chunk);
        return;
      }
      const how = next;
      next = undefined;
      cuts += 1;
      isCut = true;
      if (how === 'lost') {
        inbound.destroy();
        outbound.destroy();
        return;
      }
      if (how === 'unanswered') {
        // The first byte of the answer says that the server has committed.
        outbound.once('data', () => {
          inbound.destroy();
          outbound.destroy();
        });
        outbound.write(chunk);
        return;
      }
      inbound.destroy();
      const timer = setTimeout(() => {
        timers.delete(timer);
        outbound.write(chunk, () => outbound.end());
      }, lateMs);
      timers.add(timer);
    });
    outbound.on('data', (chunk) => {
      if (!isCut) inbound.write(chunk);
    });
    inbound.on('close', () => {
      if (!isCut) outbound.destroy();
    });
    outbound.on('close', () => inbound.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    cutNext: (how) => {
      next = how;
    },
    cuts: () => cuts,
    refuse: (refused) => {
      isRefusing = refused;
    },
    [Symbol.asyncDispose]: async () => {
      for (const timer of timers) clearTimeout(timer);
      for (const socket of [...sockets]) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
