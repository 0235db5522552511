import { createTempFolder } from '../../test/support/temp-folder.ts';
import { startChild } from './child.ts';
import type { ServerReady } from './messages.ts';

/** One of the two servers that a benchmark compares, in a process of its own on a folder of its own. */
export interface BenchServer extends AsyncDisposable {
  readonly pid: number;
  readonly ready: ServerReady;
  /** Resolves when it has collected its garbage. */
  collect(): Promise<void>;
}

/** The broker on a memory backend with real ledger and audit files, or a bare grpc-js stream server. */
export async function startServer(kind: 'bare' | 'broker', clients: number): Promise<BenchServer> {
  await using starting = new AsyncDisposableStack();
  const folder = starting.use(await createTempFolder({ name: 'bench' }));
  const child = starting.use(
    startChild('server-process.ts', [kind, String(clients), folder.path], ['--expose-gc']),
  );
  const ready = await child.next<ServerReady>();
  const owned = starting.move();
  return {
    pid: child.pid,
    ready,
    collect: async () => {
      const collected = child.next();
      child.send({ ask: 'collect' });
      await collected;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
