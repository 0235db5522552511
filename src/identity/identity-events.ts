/** What metrics count. Called synchronously; must not throw. Every label value is from a closed set or a configured name. */
export interface IdentityEvents {
  /** A read of a cluster's JWK set. */
  keysFetched(cluster: string, outcome: 'ok' | 'failed'): void;
  /** A question about one pod that the view did not know: one API call, or none when `limited` or `shared`. */
  podLookedUp(cluster: string, outcome: 'found' | 'absent' | 'failed' | 'limited' | 'shared'): void;
  /** A complete list of the cluster's pods was taken. */
  podsListed(cluster: string): void;
  /** A watch connection ended and what ended it. */
  watchEnded(cluster: string, reason: 'timeout' | 'expired' | 'failed'): void;
}

export const silentIdentityEvents: IdentityEvents = {
  keysFetched: () => undefined,
  podLookedUp: () => undefined,
  podsListed: () => undefined,
  watchEnded: () => undefined,
};
