/**
 * Who is asking. Parsed once from verified bytes and from what the cluster says about that pod; everything downstream
 * uses this value and nothing else (checking one thing and using another is how brokers get broken).
 */
export type Identity = PodIdentity | RunIdentity;

/** One pod instance. A recreated pod of the same name has another `uid`, so it is another workload. */
export interface PodIdentity {
  readonly kind: 'pod';
  /** `pod/<cluster>/<uid>`: the key of sessions and tombstones. */
  readonly workload: string;
  /** `spiffe://<trust-domain>/k8s/<cluster>/ns/<ns>/sa/<sa>/pod/<uid>` */
  readonly spiffeId: string;
  readonly cluster: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly serviceAccountUid: string;
  readonly pod: string;
  readonly podUid: string;
  readonly node: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly images: ImageFacts;
}

/** One start of one batch job, as the scheduler's signer vouched for it. A requeued job is another run, so it is another workload. */
export interface RunIdentity {
  readonly kind: 'run';
  /** `run/<cluster>/<job id>/<start>`: the key of sessions and tombstones. */
  readonly workload: string;
  /** `spiffe://<trust-domain>/slurm/<cluster>/user/<user>/job/<id>/run/<start>` */
  readonly spiffeId: string;
  readonly cluster: string;
  readonly jobId: number;
  /** Seconds since the Unix epoch, as the controller gave it. */
  readonly start: number;
  readonly array: { readonly jobId: number; readonly taskId: number } | undefined;
  readonly het: { readonly jobId: number; readonly offset: number } | undefined;
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly group: string;
  readonly partition: string;
  /** Empty where the scheduler says none. */
  readonly account: string;
  readonly qos: string;
  /** False: nobody vouches for account and QOS, any user may write any there. */
  readonly accountingEnforced: boolean;
  /** Names of all nodes of the run. */
  readonly nodes: readonly string[];
}

/**
 * Digests (`sha256:<64 hex>`) of all containers of the pod that can run, known only when the spec names a digest for every
 * one and the running status, where there is one, agrees. Unknown never satisfies an allow and always satisfies a deny.
 */
export type ImageFacts =
  { readonly known: true; readonly digests: readonly string[] } | { readonly known: false };

/** What a credential proved, at the moment it was verified. */
export interface Verified<Kind extends Identity = Identity> {
  readonly identity: Kind;
  /** Holder that this credential stands for: `pod` for a pod, the node's name for a run. */
  readonly holder: string;
  /** All holders the workload has. */
  readonly holders: readonly string[];
  /** Token id (`jti`), for the audit log; empty when the issuer gives none. */
  readonly credentialId: string;
  /** Milliseconds since the Unix epoch. */
  readonly credentialExpiresAt: number;
  /** Of a run: what its node needs to know beside its identity. */
  readonly run?: VerifiedRun;
}

export interface VerifiedRun {
  /** Bundles that the node is to open. */
  readonly bundles: readonly string[];
  /** How often the job was started before; shown and compared, never a key. */
  readonly restarts: number;
  /** End by the scheduler's time limit, milliseconds since the Unix epoch; undefined without one. */
  readonly endsAt: number | undefined;
}

/** Turns a credential into an identity, or throws one of the `credential_*`, `workload_*` or `identity_*` codes. */
export interface IdentityVerifier<Kind extends Identity = Identity> {
  /**
   * `purpose` new: the workload must be running and knowledge fresh. `purpose` held: it already holds a session, so
   * termination in progress and knowledge up to the renewal limit are accepted.
   */
  verify(
    credential: Uint8Array,
    options: { readonly purpose: 'new' | 'held'; readonly signal: AbortSignal },
  ): Promise<Verified<Kind>>;
}

/** Where a workload is in its life, as far as its cluster has told. */
export type WorkloadPhase = 'running' | 'terminating' | 'ended' | 'unknown';

/**
 * How old that knowledge is: `fresh` allows everything, `stale` renewals only, `lost` neither (and still revokes nothing:
 * silence is not an end).
 */
export type Freshness = 'fresh' | 'stale' | 'lost';

export interface WorkloadState {
  readonly phase: WorkloadPhase;
  readonly freshness: Freshness;
}

/** The live view of all configured clusters. */
export interface WorkloadStates {
  /**
   * From memory only. A complete and fresh view that lacks the workload answers `ended`; one not yet complete, or too old to
   * know what has started since, answers `unknown`.
   */
  state(workload: string): WorkloadState;
  /** Called for each workload that becomes `terminating` or `ended`. The returned function unsubscribes. */
  subscribe(listener: (workload: string, state: WorkloadState) => void): () => void;
}
