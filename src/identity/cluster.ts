import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { ClusterConfig, ClusterTrust } from './cluster-config.ts';
import type { IdentityEvents } from './identity-events.ts';
import { jwksFromApi, jwksFromFile, jwksFromUrl } from './jwks-sources.ts';
import { createKeySet } from './keys.ts';
import type { LoadJwks } from './keys.ts';
import { createKubeClient } from './kube-client.ts';
import { createPodLookup } from './pod-lookup.ts';
import { createInterner } from './pod-record.ts';
import type { PodSource } from './pod-source.ts';
import type { VerifiedCluster } from './pod-verifier.ts';
import { createPodView } from './pod-view.ts';
import type { PodListener } from './pod-view.ts';
import { createPodWatch } from './pod-watch.ts';

/** Where one cluster's keys and pods come from. */
export interface ClusterSource {
  readonly trust: ClusterTrust;
  readonly load: LoadJwks;
  /** How often the keys are read again; a file is cheap, the network less so. */
  readonly refreshMs: number;
  readonly pods: PodSource;
  /** Called last, when nothing uses the source any more. */
  readonly close?: () => void;
}

export interface RunningCluster extends VerifiedCluster {
  /** Starts the watch and the first read of the keys; resolves when both have succeeded once. */
  start(): Promise<void>;
  close(): Promise<void>;
}

interface Environment {
  readonly clock: Clock;
  readonly log: Log;
  readonly events: IdentityEvents;
}

const keyCooldownMs = 30_000;
const fileRefreshMs = 10_000;
const networkRefreshMs = 600_000;
/** A storm of new pods outruns the watch by less than this; a flood of old tokens gets no further. */
const lookupBurst = 50;
const lookupsPerSecond = 10;
const maxPastPods = 20_000;
const maxSharedValues = 50_000;

/** A cluster as broker.yaml describes it. */
export function kubernetesSource(
  config: ClusterConfig,
  environment: Environment & { readonly random: () => number },
): ClusterSource {
  const { keys, api, ...trust } = config;
  const client = createKubeClient({ api, clock: environment.clock });
  const load =
    'file' in keys
      ? jwksFromFile({ path: keys.file })
      : 'url' in keys
        ? jwksFromUrl({ url: keys.url, ca: keys.ca, clock: environment.clock })
        : jwksFromApi({ client });
  return {
    trust,
    load,
    refreshMs: 'file' in keys ? fileRefreshMs : networkRefreshMs,
    pods: createPodWatch({
      ...environment,
      cluster: config.name,
      client,
      interner: createInterner({ maxEntries: maxSharedValues }),
      watchSeconds: watchSeconds(config.staleAfterSeconds),
    }),
    close: () => client.close(),
  };
}

/**
 * How long one watch lasts. One that was told something may be followed by one that is silent to its end, and a list is taken only after that: in a
 * quiet cluster two of them, and a pause after each, pass between two signs of life. The view must not be stale by then.
 */
export function watchSeconds(staleAfterSeconds: number): number {
  return Math.min(60, Math.max(1, Math.floor(staleAfterSeconds / 3)));
}

export function createRunningCluster(
  source: ClusterSource,
  environment: Environment & { readonly listener: PodListener },
): RunningCluster {
  const { clock, log, events, listener } = environment;
  const { trust } = source;
  const cluster = trust.name;
  const keys = createKeySet({
    cluster,
    load: source.load,
    clock,
    log,
    events,
    cooldownMs: keyCooldownMs,
    refreshMs: source.refreshMs,
  });
  const view = createPodView({
    clock,
    staleAfterMs: trust.staleAfterSeconds * 1000,
    lostAfterMs: trust.lostAfterSeconds * 1000,
    maxPast: maxPastPods,
    listener,
  });
  const lookup = createPodLookup({
    cluster,
    source: source.pods,
    view,
    clock,
    events,
    burst: lookupBurst,
    perSecond: lookupsPerSecond,
  });
  const lifetime = new AbortController();
  let watching: Promise<void> | undefined;

  return {
    trust,
    keys,
    view,
    lookup,
    start: async () => {
      watching ??= source.pods.run(view, lifetime.signal).catch((error: unknown) => {
        // Sources recover by themselves; should one not, its view ages and nothing more is issued.
        log.error('the pod source stopped', { cluster }, error);
      });
      await Promise.all([keys.ready(), view.ready]);
      log.info('cluster ready', { cluster, pods: view.size(), keys: keys.size() });
    },
    close: async () => {
      lifetime.abort();
      keys.close();
      lookup.close();
      await watching;
      view.close();
      source.close?.();
    },
  };
}
