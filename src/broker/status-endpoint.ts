import { createServer } from 'node:http';
import type { Clusters } from '../identity/clusters.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import type { Metrics } from '../platform/metrics.ts';

/** /metrics, /healthz and /readyz for scrapers and probes; no secret and no name of a workload is in any of them. */
export interface StatusEndpoint {
  readonly address: string;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function openStatusEndpoint(options: {
  readonly listen: { readonly host: string; readonly port: number };
  readonly metrics: Metrics;
  readonly clusters: Pick<Clusters, 'status'>;
  /** Why callers are better served by another broker. */
  readonly whyNotServing: () => string | undefined;
  readonly log: Log;
}): Promise<StatusEndpoint> {
  const { clusters, whyNotServing, log, metrics } = options;
  const server = createServer({ maxHeaderSize: 8192, requestTimeout: 10_000, headersTimeout: 5_000 });
  /** A load balancer sends holders where they are served. */
  const unready = (): string | undefined => {
    if (!clusters.status().every(({ freshness }) => freshness === 'fresh')) return 'waiting for the clusters';
    return whyNotServing();
  };
  server.on('request', (request, response) => {
    const answer = (status: number, body: string, type = 'text/plain; charset=utf-8') => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
      response.end(body);
    };
    switch (request.url) {
      case '/healthz':
        answer(200, 'ok\n');
        return;
      case '/readyz':
        answer(unready() === undefined ? 200 : 503, `${unready() ?? 'ok'}\n`);
        return;
      case '/metrics':
        metrics.text().then(
          (text) => answer(200, text, 'text/plain; version=0.0.4; charset=utf-8'),
          (error: unknown) => {
            log.error('metrics could not be read', {}, error);
            answer(500, 'internal error\n');
          },
        );
        return;
      default:
        answer(404, 'not found\n');
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new LeaseholdError('config_invalid', { detail: 'http.listen: cannot be bound', cause })),
    );
    server.listen({ ...options.listen }, () => resolve());
  });
  const bound = server.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : options.listen.port;
  return {
    address: `${options.listen.host}:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
