import { LeaseholdError } from '../platform/error.ts';

/** Where a cluster's token-signing public keys come from (a JWK set). Paths are files on the broker's machine. */
export type ClusterKeys =
  /** Re-read when it changes; the old keys stay when the new content is invalid. */
  | { readonly file: string }
  /** https; plain http only for a literal loopback address. `ca` is a PEM file, without it the system's roots count. */
  | { readonly url: string; readonly ca?: string | undefined }
  /** The API server's own `/openid/v1/jwks`, with the credentials of `api`. */
  | { readonly api: true };

/** How the broker reaches the API server: pods get, list and watch are all it needs there. */
export type ClusterApi = { readonly kubeconfig: string } | { readonly inCluster: true };

/** One entry of `clusters` in broker.yaml. */
export interface ClusterConfig {
  /** Own name for the cluster; part of workload keys and SPIFFE ids. A DNS label. */
  readonly name: string;
  /** Exactly the `iss` of its tokens; no two clusters may share one. */
  readonly issuer: string;
  /** The audience that pods request for this broker. */
  readonly audience: string;
  /** Longest accepted `exp - iat`. */
  readonly maxTokenSeconds: number;
  readonly keys: ClusterKeys;
  readonly api: ClusterApi;
  /** Past this age of the pod watch: no new sessions. */
  readonly staleAfterSeconds: number;
  /** Past this age: no renewals either. Larger than `staleAfterSeconds`. */
  readonly lostAfterSeconds: number;
}

/** The part of a cluster's entry that verification itself needs, whatever the keys and pods come from. */
export type ClusterTrust = Omit<ClusterConfig, 'keys' | 'api'>;

const clusterName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
// Characters that SPIFFE allows in a trust domain.
const trustDomainName = /^[a-z0-9._-]{1,255}$/;

/**
 * Rules that hold across entries. Two clusters with one issuer would let a key of one speak for the other.
 * Throws `config_invalid`.
 */
export function checkClusters(trustDomain: string, clusters: readonly ClusterTrust[]): void {
  const refuse = (detail: string): never => {
    throw new LeaseholdError('config_invalid', { detail });
  };
  if (!trustDomainName.test(trustDomain)) refuse('trustDomain is not a SPIFFE trust domain');
  const names = new Set<string>();
  const issuers = new Set<string>();
  for (const cluster of clusters) {
    if (!clusterName.test(cluster.name)) refuse('clusters.name is not a DNS label');
    if (names.has(cluster.name)) refuse('clusters.name is used twice');
    if (cluster.issuer === '') refuse('clusters.issuer is empty');
    if (issuers.has(cluster.issuer)) refuse('clusters.issuer is used by two clusters');
    if (cluster.audience === '') refuse('clusters.audience is empty');
    if (!(cluster.maxTokenSeconds > 0)) refuse('clusters.maxTokenSeconds is not positive');
    if (!(cluster.staleAfterSeconds > 0)) refuse('clusters.staleAfterSeconds is not positive');
    if (!(cluster.lostAfterSeconds > cluster.staleAfterSeconds))
      refuse('clusters.lostAfterSeconds is not larger than staleAfterSeconds');
    names.add(cluster.name);
    issuers.add(cluster.issuer);
  }
}
