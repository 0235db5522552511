import { compactVerify } from 'jose';
import type { Clock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import { parseClaims } from './claims.ts';
import type { PodClaims } from './claims.ts';
import { checkClusters } from './cluster-config.ts';
import type { ClusterTrust } from './cluster-config.ts';
import type { IdentityVerifier, PodIdentity } from './identity.ts';
import type { VerificationKey } from './jwks.ts';
import type { KeySet } from './keys.ts';
import type { PodLookup } from './pod-lookup.ts';
import type { PodRecord } from './pod-record.ts';
import type { PodView } from './pod-view.ts';
import { parseToken } from './token.ts';
import type { ParsedToken } from './token.ts';
import { podWorkload } from './workload-name.ts';

/** One cluster as verification sees it; nothing in here is shared with another cluster. */
export interface VerifiedCluster {
  readonly trust: ClusterTrust;
  readonly keys: KeySet;
  readonly view: PodView;
  readonly lookup: PodLookup;
}

export interface PodVerifierOptions {
  readonly clusters: readonly VerifiedCluster[];
  readonly trustDomain: string;
  readonly clock: Clock;
}

type Purpose = 'new' | 'held';

/** When a refusal for old knowledge is worth another try; the watch comes back within seconds or not soon. */
const staleRetryMs = 5_000;

/** Proves which pod a projected service-account token stands for. Throws `config_invalid` for clusters that overlap. */
export function createPodVerifier(options: PodVerifierOptions): IdentityVerifier<PodIdentity> {
  const { clusters, trustDomain, clock } = options;
  checkClusters(
    trustDomain,
    clusters.map(({ trust }) => trust),
  );
  const byIssuer = new Map(clusters.map((cluster) => [cluster.trust.issuer, cluster]));

  return {
    verify: async (credential, { purpose, signal }) => {
      const token = parseToken(credential);
      // The whole issuer decides whose keys count, before any key is looked at: a key id means nothing across clusters.
      const cluster = byIssuer.get(token.claimedIssuer);
      if (cluster === undefined) throw new LeaseholdError('credential_unknown_issuer');
      const key = await cluster.keys.find(token.keyId, signal);
      const payload = await verifySignature(token, key);
      const claims = parseClaims(payload, cluster.trust, clock.now());
      const pod = await findPod(cluster, claims, purpose, signal);
      checkAgreement(claims, pod);
      checkLife(cluster.view, pod, purpose);
      return {
        identity: identityOf(cluster.trust.name, trustDomain, claims, pod),
        holder: 'pod',
        holders: ['pod'],
        credentialId: claims.tokenId,
        credentialExpiresAt: claims.expiresAt,
      };
    },
  };
}

/** Returns the bytes that were signed; only they are read from here on. */
async function verifySignature(token: ParsedToken, { algorithm, key }: VerificationKey): Promise<Uint8Array> {
  if (token.algorithm !== algorithm)
    throw new LeaseholdError('credential_bad_signature', { detail: 'alg is not that of the key' });
  try {
    const { payload } = await compactVerify(token.compact, key, { algorithms: [algorithm] });
    return payload;
  } catch (cause) {
    throw new LeaseholdError('credential_bad_signature', { cause });
  }
}

async function findPod(
  cluster: VerifiedCluster,
  claims: PodClaims,
  purpose: Purpose,
  signal: AbortSignal,
): Promise<PodRecord> {
  const { view, lookup } = cluster;
  checkFreshness(view, purpose);
  const known = view.get(claims.podUid);
  // A token names its node as soon as the pod has one; a view that has none yet is behind.
  if (known !== undefined && (known.node !== '' || claims.node === undefined)) return known;
  const past = view.past(claims.podUid);
  if (past === 'ended') throw new LeaseholdError('workload_ended');
  if (past === 'absent') throw new LeaseholdError('workload_unknown');
  return lookup.find({ uid: claims.podUid, namespace: claims.namespace, name: claims.pod }, signal);
}

function checkFreshness(view: PodView, purpose: Purpose): void {
  const freshness = view.freshness();
  if (freshness === 'fresh' || (freshness === 'stale' && purpose === 'held')) return;
  throw new LeaseholdError('workload_stale', { retryAfterMs: staleRetryMs });
}

/** Token and cluster must tell the same story about one UID; otherwise one of them is not what it seems. */
function checkAgreement(claims: PodClaims, pod: PodRecord): void {
  const differs =
    pod.uid !== claims.podUid
      ? 'uid'
      : pod.namespace !== claims.namespace
        ? 'namespace'
        : pod.name !== claims.pod
          ? 'name'
          : pod.serviceAccount !== claims.serviceAccount
            ? 'service account'
            : claims.node !== undefined && pod.node !== claims.node
              ? 'node'
              : undefined;
  if (differs === undefined) return;
  throw new LeaseholdError('workload_unknown', { detail: `the pod has another ${differs} than the token` });
}

function checkLife(view: PodView, pod: PodRecord, purpose: Purpose): void {
  // Asked again: knowledge may have aged while the look-up ran.
  checkFreshness(view, purpose);
  const { phase } = view.state(pod.uid);
  if (phase === 'ended' || phase === 'unknown') throw new LeaseholdError('workload_ended');
  if (phase === 'terminating' && purpose === 'new') throw new LeaseholdError('workload_terminating');
}

function identityOf(cluster: string, trustDomain: string, claims: PodClaims, pod: PodRecord): PodIdentity {
  return {
    kind: 'pod',
    workload: podWorkload(cluster, pod.uid),
    spiffeId: `spiffe://${trustDomain}/k8s/${cluster}/ns/${pod.namespace}/sa/${pod.serviceAccount}/pod/${pod.uid}`,
    cluster,
    namespace: pod.namespace,
    serviceAccount: pod.serviceAccount,
    serviceAccountUid: claims.serviceAccountUid,
    pod: pod.name,
    podUid: pod.uid,
    node: pod.node,
    labels: pod.labels,
    images: pod.images,
  };
}
