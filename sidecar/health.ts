import { rm } from 'node:fs/promises';
import { LeaseholdError } from '../src/platform/error.ts';
import type { Log } from '../src/platform/log.ts';
import { writeFileAtomically } from '../src/platform/atomic-file.ts';
import type { HostPort } from '../src/rpc/client/host-port.ts';

/** What probes ask. */
export interface HealthState {
  /** Every bundle has been in place at least once: the program may start. Never false again. */
  readonly isStarted: boolean;
  /** Every bundle is in place and within what its outage policy allows. */
  readonly isReady: boolean;
}

/** Tells probes, by files and by HTTP: `/startz`, `/readyz`, `/healthz` (always, while the process answers), `/metrics`. */
export interface Health extends AsyncDisposable {
  /** Looks at the state again and brings the files in line with it. */
  update(): void;
  /** Port of the HTTP listener; undefined where none is configured. */
  readonly port: number | undefined;
}

export interface HealthOptions {
  readonly listen: HostPort | undefined;
  readonly startedFile: string | undefined;
  readonly readyFile: string | undefined;
  readonly state: () => HealthState;
  readonly metrics: () => string;
  readonly log: Log;
}

/** Throws `config_invalid` when it cannot listen or an old marker file cannot be removed. */
export async function startHealth(options: HealthOptions): Promise<Health> {
  const started = markerFile(options.startedFile, options.log);
  const ready = markerFile(options.readyFile, options.log);
  // Markers of an earlier process would let the program start on files that are not there.
  await Promise.all([started.set(false), ready.set(false)]);
  const server = options.listen === undefined ? undefined : await listen(options.listen, options);

  const update = () => {
    const { isStarted, isReady } = options.state();
    void started.set(isStarted);
    void ready.set(isReady);
  };
  update();
  return {
    port: server?.port,
    update,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([server?.close(), started.set(false), ready.set(false)]);
    },
  };
}

/** A file that is there or not; changes are made one after the other and only the last wish counts. */
function markerFile(path: string | undefined, log: Log) {
  let wanted = false;
  let is: boolean | undefined;
  let queue: Promise<void> = Promise.resolve();
  return {
    set: (present: boolean): Promise<void> => {
      wanted = present;
      queue = queue.then(async () => {
        if (path === undefined || is === wanted) return;
        const next = wanted;
        try {
          if (next) await writeFileAtomically({ path, data: '', mode: 0o444 });
          else await rm(path, { force: true });
          is = next;
        } catch (error) {
          log.error('a marker file for probes cannot be changed', {}, error);
        }
      });
      return queue;
    },
  };
}

async function listen(
  { host, port }: HostPort,
  options: HealthOptions,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  // Only here, because the module costs a holder memory that probes by file never need.
  const { createServer } = await import('node:http');
  const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (request, response) => {
    const { status, body } = answer(request.url ?? '', options);
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
    response.end(body);
  });
  server.maxConnections = 16;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new LeaseholdError('config_invalid', { detail: 'health.listen: cannot listen there', cause: error }),
      ),
    );
    server.listen({ host, port }, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(url: string, options: HealthOptions): { readonly status: number; readonly body: string } {
  const { isStarted, isReady } = options.state();
  switch (url) {
    case '/healthz':
      return { status: 200, body: 'ok\n' };
    case '/startz':
      return isStarted ? { status: 200, body: 'started\n' } : { status: 503, body: 'not started\n' };
    case '/readyz':
      return isReady ? { status: 200, body: 'ready\n' } : { status: 503, body: 'not ready\n' };
    case '/metrics':
      return { status: 200, body: options.metrics() };
    default:
      return { status: 404, body: 'no such path\n' };
  }
}
