import { createHash } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import { unlessAborted, withDeadline } from './abort.ts';
import type { ClusterApi } from './cluster-config.ts';
import { openGet, readBody } from './http-get.ts';
import type { GetOptions } from './http-get.ts';
import { splitLines } from './split-lines.ts';

export type Query = Readonly<Record<string, string>>;

/** What Leasehold asks of an API server: read one thing, or follow a watch. */
export interface KubeClient {
  /** Any status is a result. Throws `identity_unavailable` when there is none in time, or the body is over `maxBytes`. */
  get(
    path: string,
    options: {
      readonly query: Query;
      readonly accept?: string;
      readonly maxBytes: number;
      readonly timeoutMs: number;
      readonly signal: AbortSignal;
    },
  ): Promise<{ readonly status: number; readonly body: Buffer }>;
  /**
   * The lines of a watch as they come. Ends when the server ends it; throws `identity_unavailable` when the connection
   * breaks, no byte comes for `idleMs`, or a line is over `maxLineBytes`. A refused start throws WatchRefused.
   */
  watch(
    path: string,
    options: {
      readonly query: Query;
      readonly maxLineBytes: number;
      readonly idleMs: number;
      readonly signal: AbortSignal;
    },
  ): AsyncIterable<string>;
  close(): void;
}

/** The API server answered a watch with a status other than 200. */
export class WatchRefused extends Error {
  readonly status: number;

  constructor(status: number) {
    super('watch refused');
    this.name = 'WatchRefused';
    this.status = status;
  }
}

/**
 * Address and credentials come from @kubernetes/client-node (kubeconfig forms, token files that rotate, exec plugins); the
 * requests are our own. Its typed calls build every pod object whole and follow redirects, its Watch gives up after 30 s
 * without a byte and skips lines it cannot parse, and each of its requests opens a connection that nobody closes.
 */
export function createKubeClient(options: { readonly api: ClusterApi; readonly clock: Clock }): KubeClient {
  const { api, clock } = options;
  let loaded: Promise<KubeConfig> | undefined;
  let agent: { readonly agent: https.Agent; readonly fingerprint: string } | undefined;

  /** Keeps connections until certificate or key on disk have changed. */
  const agentFor = (tls: GetOptions): https.Agent => {
    // A digest, so that the private key is not in memory a second time.
    const fingerprint = createHash('sha256')
      .update(JSON.stringify([tls.ca, tls.cert, tls.key, tls.servername].map((part) => part ?? null)))
      .digest('hex');
    if (agent?.fingerprint === fingerprint) return agent.agent;
    // Breaks a watch in progress, which comes back with the new credentials.
    agent?.agent.destroy();
    agent = { fingerprint, agent: new https.Agent({ keepAlive: true, maxFreeSockets: 4 }) };
    return agent.agent;
  };

  const prepare = async (path: string, query: Query, accept: string) => {
    loaded ??= loadKubeConfig(api);
    try {
      const config = await loaded;
      const cluster = config.getCurrentCluster();
      if (cluster === null)
        throw new LeaseholdError('config_invalid', { detail: 'kubeconfig has no current cluster' });
      checkCluster(cluster);
      const headers: OutgoingHttpHeaders = {};
      const applied: https.RequestOptions = { headers };
      await config.applyToHTTPSOptions(applied);
      const { auth, ca, cert, key, passphrase, pfx, servername } = applied;
      const tls = Object.fromEntries(
        Object.entries({ auth, ca, cert, key, passphrase, pfx, servername }).filter(
          ([, value]) => value !== undefined,
        ),
      ) satisfies GetOptions;
      const url = new URL(`${cluster.server.replace(/\/+$/, '')}${path}`);
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
      return {
        url,
        options: {
          ...tls,
          headers: { ...headers, accept, 'user-agent': 'leasehold' },
          // client-node's agent knows the proxy of the kubeconfig, ours keeps connections.
          agent: cluster.proxyUrl === undefined ? agentFor(tls) : applied.agent,
        },
      };
    } catch (error) {
      loaded = undefined;
      if (error instanceof LeaseholdError) throw error;
      throw new LeaseholdError('identity_unavailable', {
        detail: 'cluster credentials not usable',
        cause: error,
      });
    }
  };

  /** Credentials may have been replaced on disk: read them again for the next request. */
  const forgetCredentials = (status: number) => {
    if (status === 401) loaded = undefined;
  };

  return {
    get: async (path, { query, accept = 'application/json', maxBytes, timeoutMs, signal }) =>
      withDeadline(clock, timeoutMs, signal, async (limited) => {
        const request = await unlessAborted(prepare(path, query, accept), limited);
        const response = await openGet(request.url, request.options, limited);
        const status = response.statusCode ?? 0;
        forgetCredentials(status);
        return { status, body: await readBody(response, maxBytes) };
      }),

    watch: async function* (path, { query, maxLineBytes, idleMs, signal }) {
      const stop = new AbortController();
      const abort = () => stop.abort();
      let cancelIdle = clock.after(idleMs, abort);
      signal.addEventListener('abort', abort, { once: true });
      try {
        const request = await unlessAborted(prepare(path, query, 'application/json'), stop.signal);
        const response = await openGet(request.url, request.options, stop.signal);
        const status = response.statusCode ?? 0;
        if (status !== 200) {
          response.destroy();
          forgetCredentials(status);
          throw new WatchRefused(status);
        }
        yield* splitLines(response, {
          maxBytes: maxLineBytes,
          onChunk: () => {
            cancelIdle();
            cancelIdle = clock.after(idleMs, abort);
          },
        });
      } finally {
        cancelIdle();
        signal.removeEventListener('abort', abort);
        stop.abort();
      }
    },

    close: () => agent?.agent.destroy(),
  };
}

async function loadKubeConfig(api: ClusterApi): Promise<KubeConfig> {
  // Loaded on first use: it is large, and the programs that never talk to a cluster should not carry it.
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  if ('kubeconfig' in api) config.loadFromFile(api.kubeconfig);
  else config.loadFromCluster();
  return config;
}

/** The pod view decides who lives; an API server that nobody authenticated must not speak for it. */
function checkCluster(cluster: { readonly server: string; readonly skipTLSVerify?: boolean }): void {
  if (cluster.skipTLSVerify === true)
    throw new LeaseholdError('config_invalid', { detail: 'kubeconfig turns certificate verification off' });
  if (!cluster.server.startsWith('https://'))
    throw new LeaseholdError('config_invalid', { detail: 'kubeconfig names a server without https' });
}
