import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterConfig } from '../../../src/identity/cluster-config.ts';
import { createClusters } from '../../../src/identity/clusters.ts';
import type { Clusters } from '../../../src/identity/clusters.ts';
import { silentIdentityEvents } from '../../../src/identity/identity-events.ts';
import type { WorkloadState } from '../../../src/identity/identity.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { startKubernetes } from '../../support/parts/kubernetes.ts';
import type { TestKubernetes } from '../../support/parts/kubernetes.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { writeBrokerKubeconfig } from './broker-account.ts';
import { createCuttableProxy } from './cuttable-proxy.ts';
import type { CuttableProxy } from './cuttable-proxy.ts';

export const audience = 'leasehold';
export const namespace = 'shop';

/** Two real clusters behind proxies, followed by one broker's identity. */
export interface RealClusters extends AsyncDisposable {
  /** RS256; keys from the API server; the watch cache on, as everywhere. */
  readonly east: TestKubernetes;
  readonly eastProxy: CuttableProxy;
  /** ES256; keys from a file; old versions are compacted away within seconds, so that a short cut outlives them. */
  readonly west: TestKubernetes;
  readonly westProxy: CuttableProxy;
  readonly clusters: Clusters;
  /** Counted events, as `name outcome`, by cluster. */
  readonly counts: ReadonlyMap<string, number>;
  /** News of workloads that ended or began to, in order. */
  readonly news: readonly (readonly [string, WorkloadState['phase']])[];
}

export async function startRealClusters(): Promise<RealClusters> {
  await using owned = new AsyncDisposableStack();
  const folder = owned.use(await createTempFolder({ name: 'identity' }));
  const started = await Promise.allSettled([
    startKubernetes(),
    startKubernetes({
      tokenKey: 'ec',
      apiServerArgs: ['--watch-cache-sizes=pods#0', '--etcd-compaction-interval=1s'],
    }),
  ]);
  for (const result of started) if (result.status === 'fulfilled') owned.use(result.value);
  const [east, west] = started.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
  if (east === undefined || west === undefined) throw new Error('two clusters were asked for');

  const prepare = async (kubernetes: TestKubernetes, name: string) => {
    const proxy = owned.use(await createCuttableProxy({ port: Number(new URL(kubernetes.server).port) }));
    const kubeconfig = join(folder.path, `${name}.kubeconfig`);
    await writeBrokerKubeconfig(kubernetes, kubeconfig, proxy.port);
    await kubernetes.createNamespace(namespace);
    return { proxy, kubeconfig };
  };
  const [eastBroker, westBroker] = [await prepare(east, 'east'), await prepare(west, 'west')];
  const jwksFile = join(folder.path, 'west.jwks');
  await writeFile(jwksFile, await west.fetchJwks());

  const common = { audience, maxTokenSeconds: 3_600, staleAfterSeconds: 20, lostAfterSeconds: 300 };
  const configs: readonly ClusterConfig[] = [
    {
      ...common,
      name: 'east',
      issuer: east.issuer,
      keys: { api: true },
      api: { kubeconfig: eastBroker.kubeconfig },
    },
    {
      ...common,
      // Without the watch cache there are no bookmarks, and a quiet cluster gives no sign of life.
      staleAfterSeconds: 200,
      name: 'west',
      issuer: west.issuer,
      keys: { file: jwksFile },
      api: { kubeconfig: westBroker.kubeconfig },
    },
  ];
  const counts = new Map<string, number>();
  const count = (key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);
  const clusters = owned.use(
    createClusters({
      trustDomain: 'example.org',
      clusters: configs,
      clock: systemClock,
      log: silentLog,
      random: Math.random,
      events: {
        ...silentIdentityEvents,
        keysFetched: (cluster, outcome) => count(`${cluster} keys ${outcome}`),
        podLookedUp: (cluster, outcome) => count(`${cluster} look-up ${outcome}`),
        podsListed: (cluster) => count(`${cluster} list`),
        watchEnded: (cluster, reason) => count(`${cluster} watch ${reason}`),
      },
    }),
  );
  const news: [string, WorkloadState['phase']][] = [];
  clusters.states.subscribe((workload, state) => news.push([workload, state.phase]));
  await clusters.ready(AbortSignal.timeout(60_000));
  const kept = owned.move();
  return {
    east,
    eastProxy: eastBroker.proxy,
    west,
    westProxy: westBroker.proxy,
    clusters,
    counts,
    news,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
