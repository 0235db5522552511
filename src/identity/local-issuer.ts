import { randomUUID } from 'node:crypto';
import { SignJWT, calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import type { Clock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { ClusterTrust } from './cluster-config.ts';
import type { ClusterSource } from './cluster.ts';
import type { PodRecord } from './pod-record.ts';
import type { PodFeed, PodSource } from './pod-source.ts';

/** A pod of the development cluster as its author describes it. */
export interface LocalPodSpec {
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string;
  readonly node: string;
  /** Any when left out. */
  readonly uid?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** `sha256:<64 hex>` of each container's image; without it the images count as unknown. */
  readonly imageDigests?: readonly string[];
}

/**
 * Development only: a cluster without an API server. A table of pods and a signing key in memory, behind the same verifier,
 * view and rules as a real one. It proves nothing about who asks for a token, so no broker.yaml can name it.
 */
export interface LocalIssuer {
  /** For `createClusters({ development: [source] })`. */
  readonly source: ClusterSource;
  /** Starts a pod and returns its UID. Throws `request_invalid` when the name is taken. */
  addPod(spec: LocalPodSpec): string;
  /** A token like the ones kubelet projects into that pod. Throws `workload_unknown`. */
  issueToken(
    uid: string,
    options?: { readonly audience?: string; readonly lifeSeconds?: number },
  ): Promise<string>;
  /** Sets `deletionTimestamp`, as `kubectl delete` does. */
  terminatePod(uid: string, graceSeconds: number): void;
  removePod(uid: string): void;
}

/** How often the table says that it is in step. */
const signOfLifeMs = 1_000;

export async function createLocalIssuer(options: {
  readonly trust: ClusterTrust;
  readonly clock: Clock;
  /** ES256, for several brokers that know the same development cluster; one of its own when left out. */
  readonly keys?: { readonly publicKey: CryptoKey; readonly privateKey: CryptoKey };
}): Promise<LocalIssuer> {
  const { trust, clock } = options;
  const { publicKey, privateKey } = options.keys ?? (await generateKeyPair('ES256'));
  const keyId = await calculateJwkThumbprint(await exportJWK(publicKey));
  const jwks = Buffer.from(
    JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: keyId, use: 'sig', alg: 'ES256' }] }),
  );
  const pods = new Map<string, PodRecord>();
  const serviceAccounts = new Map<string, string>();
  const feeds = new Set<PodFeed>();

  const get = (uid: string): PodRecord => {
    const pod = pods.get(uid);
    if (pod === undefined) throw new LeaseholdError('workload_unknown');
    return pod;
  };
  const find = (namespace: string, name: string) =>
    [...pods.values()].find((pod) => pod.namespace === namespace && pod.name === name);
  const put = (pod: PodRecord) => {
    pods.set(pod.uid, pod);
    for (const feed of feeds) feed.put(pod);
  };
  const serviceAccountUid = (pod: PodRecord): string => {
    const key = `${pod.namespace}/${pod.serviceAccount}`;
    const uid = serviceAccounts.get(key) ?? randomUUID();
    serviceAccounts.set(key, uid);
    return uid;
  };

  return {
    source: {
      trust,
      load: async () => jwks,
      refreshMs: 60_000,
      pods: tableSource({ clock, pods, feeds, find }),
    },
    addPod: ({
      namespace,
      name,
      serviceAccount,
      node,
      uid = randomUUID(),
      labels = {},
      imageDigests = [],
    }) => {
      if (find(namespace, name) !== undefined)
        throw new LeaseholdError('request_invalid', { detail: 'pod exists' });
      put({
        uid,
        namespace,
        name,
        serviceAccount,
        node,
        finished: false,
        deletionAt: undefined,
        gracePeriodSeconds: undefined,
        labels: { ...labels },
        images:
          imageDigests.length === 0 ? { known: false } : { known: true, digests: [...imageDigests].sort() },
      });
      return uid;
    },
    issueToken: async (uid, { audience = trust.audience, lifeSeconds = trust.maxTokenSeconds } = {}) => {
      const pod = get(uid);
      const issuedAt = Math.floor(clock.now() / 1000);
      return new SignJWT({
        'kubernetes.io': {
          namespace: pod.namespace,
          node: { name: pod.node },
          pod: { name: pod.name, uid: pod.uid },
          serviceaccount: { name: pod.serviceAccount, uid: serviceAccountUid(pod) },
        },
      })
        .setProtectedHeader({ alg: 'ES256', kid: keyId })
        .setIssuer(trust.issuer)
        .setSubject(`system:serviceaccount:${pod.namespace}:${pod.serviceAccount}`)
        .setAudience([audience])
        .setJti(randomUUID())
        .setIssuedAt(issuedAt)
        .setNotBefore(issuedAt)
        .setExpirationTime(issuedAt + lifeSeconds)
        .sign(privateKey);
    },
    terminatePod: (uid, graceSeconds) =>
      put({
        ...get(uid),
        deletionAt: clock.now() + graceSeconds * 1000,
        gracePeriodSeconds: graceSeconds,
      }),
    removePod: (uid) => {
      pods.delete(uid);
      for (const feed of feeds) feed.remove(uid);
    },
  };
}

function tableSource(options: {
  readonly clock: Clock;
  readonly pods: ReadonlyMap<string, PodRecord>;
  readonly feeds: Set<PodFeed>;
  readonly find: (namespace: string, name: string) => PodRecord | undefined;
}): PodSource {
  const { clock, pods, feeds, find } = options;
  return {
    run: async (feed, signal) => {
      const list = feed.beginList();
      for (const pod of pods.values()) list.put(pod);
      feed.touch(clock.monotonic());
      list.commit();
      feeds.add(feed);
      try {
        for (;;) {
          await clock.sleep(signOfLifeMs, signal);
          feed.touch(clock.monotonic());
        }
      } catch (error) {
        // Sleep ends early by the signal alone; anything else is a fault to show.
        if (!signal.aborted) throw error;
      } finally {
        feeds.delete(feed);
      }
    },
    find: async (namespace, name) => find(namespace, name),
  };
}
