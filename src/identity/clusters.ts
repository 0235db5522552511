import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { unlessAborted } from './abort.ts';
import { checkClusters } from './cluster-config.ts';
import type { ClusterConfig } from './cluster-config.ts';
import { createRunningCluster, kubernetesSource } from './cluster.ts';
import type { ClusterSource } from './cluster.ts';
import type { Freshness, IdentityVerifier, PodIdentity, WorkloadState, WorkloadStates } from './identity.ts';
import { silentIdentityEvents } from './identity-events.ts';
import type { IdentityEvents } from './identity-events.ts';
import { createPodVerifier } from './pod-verifier.ts';
import { parsePodWorkload, podWorkload } from './workload-name.ts';

export type { ClusterConfig } from './cluster-config.ts';

/** For metrics and readiness. */
export interface ClusterStatus {
  readonly name: string;
  readonly pods: number;
  readonly keys: number;
  readonly freshness: Freshness;
  /** Seconds since the pod watch last gave a sign of life; infinite before the first list. */
  readonly watchAgeSeconds: number;
}

/** Identity of pods in all configured clusters. */
export interface Clusters extends AsyncDisposable {
  readonly verifier: IdentityVerifier<PodIdentity>;
  readonly states: WorkloadStates;
  /** Resolves when every cluster's keys and pods have been read once; rejects with `cancelled` on abort. */
  ready(signal: AbortSignal): Promise<void>;
  status(): readonly ClusterStatus[];
}

export interface ClustersOptions {
  readonly trustDomain: string;
  readonly clusters: readonly ClusterConfig[];
  /** Development only (the local issuer); has no counterpart in broker.yaml. */
  readonly development?: readonly ClusterSource[];
  readonly clock: Clock;
  readonly log: Log;
  readonly events?: IdentityEvents;
  /** A number from 0 up to 1, for jitter. */
  readonly random: () => number;
}

/** Starts following all clusters at once. Throws `config_invalid` when entries overlap. */
export function createClusters(options: ClustersOptions): Clusters {
  const { trustDomain, clock, log, random, events = silentIdentityEvents, development = [] } = options;
  const environment = { clock, log, events, random };
  checkClusters(trustDomain, [...options.clusters, ...development.map(({ trust }) => trust)]);
  const listeners = new Set<(workload: string, state: WorkloadState) => void>();

  const running = [
    ...options.clusters.map((config) => kubernetesSource(config, environment)),
    ...development,
  ].map((source) => {
    const cluster = createRunningCluster(source, {
      ...environment,
      listener: (uid, phase) => {
        const state = { phase, freshness: cluster.view.freshness() };
        for (const listener of [...listeners]) {
          try {
            listener(podWorkload(source.trust.name, uid), state);
          } catch (error) {
            // One subscriber's fault must not stop the watch or keep the news from the others.
            log.error('a subscriber to workload states failed', {}, error);
          }
        }
      },
    });
    return cluster;
  });
  const byName = new Map(running.map((cluster) => [cluster.trust.name, cluster]));
  const started = Promise.all(running.map((cluster) => cluster.start()));

  return {
    verifier: createPodVerifier({ clusters: running, trustDomain, clock }),
    states: {
      state: (workload) => {
        const parsed = parsePodWorkload(workload);
        const cluster = parsed === undefined ? undefined : byName.get(parsed.cluster);
        // A cluster taken out of the configuration: nobody can say how its pods are.
        if (parsed === undefined || cluster === undefined) return { phase: 'unknown', freshness: 'lost' };
        return cluster.view.state(parsed.uid);
      },
      subscribe: (listener) => {
        // Wrapped, so that one function subscribed twice is two subscriptions.
        const own = (workload: string, state: WorkloadState) => listener(workload, state);
        listeners.add(own);
        return () => void listeners.delete(own);
      },
    },
    ready: async (signal) => {
      await unlessAborted(started, signal);
    },
    status: () =>
      running.map(({ trust, view, keys }) => ({
        name: trust.name,
        pods: view.size(),
        keys: keys.size(),
        freshness: view.freshness(),
        watchAgeSeconds: view.ageMs() / 1000,
      })),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(running.map((cluster) => cluster.close()));
    },
  };
}
