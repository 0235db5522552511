/** A named set of secrets delivered together, as the site configures it. Durations are whole seconds. */
export interface Bundle {
  readonly name: string;
  /** The Vault token role its tokens are made through; limits them to this bundle's read policy. */
  readonly tokenRole: string;
  readonly secrets: readonly SecretSource[];
  readonly files: readonly FileLayout[];
  /** Working ttl of token and leases while a holder is attached; also how long a detached static session is kept. */
  readonly ttlSeconds: number;
  /** Absolute life of a session; a grant may shorten it. */
  readonly maxSeconds: number;
  /** New lease sets at this interval, when set; otherwise only when the leases near their own end. */
  readonly rotateSeconds?: number;
  /** How long the retiring lease set outlives the delivery of its successor when a holder stays silent. */
  readonly overlapSeconds: number;
  /** How often static secrets are looked at for a new version. */
  readonly refreshSeconds: number;
  readonly outage: OutagePolicy;
  /** Each node of a run has leases of its own, in place of the same as all others. */
  readonly perNode: boolean;
  /** Of a run that is to have this bundle, once one of its nodes could not deliver: only tasks there fail, or its job is cancelled. */
  readonly nodeWithoutSecrets: 'fail_tasks' | 'cancel_job';
}

export interface OutagePolicy {
  readonly mode: 'keep' | 'not_ready' | 'wipe';
  /** Seconds without the broker after which `not_ready` and `wipe` apply. */
  readonly afterSeconds: number;
}

/** Where one secret comes from. Workloads never name a path. */
export interface SecretSource {
  /** Name within the bundle: a-z, 0-9, `_` and `-`. */
  readonly name: string;
  /** `leased`: every session has its own, ended with it. `static`: read once per version and shared. */
  readonly kind: 'leased' | 'static';
  /** Path as the backend's API spells it, without `/v1/`; for KV v2 with its `data` segment. */
  readonly path: string;
  /** How the answer is unwrapped. `kv2` also gives a version. */
  readonly engine: 'kv1' | 'kv2' | 'read';
}

/** One file. Rendered where the workload runs. */
export interface FileLayout {
  /** Relative, without empty, `.` or `..` segments. */
  readonly path: string;
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly content: FileContent;
}

export type FileContent =
  | { readonly format: 'raw'; readonly secret: string; readonly field: string }
  | { readonly format: 'json'; readonly secret: string }
  | { readonly format: 'dotenv'; readonly secret: string }
  | { readonly format: 'template'; readonly template: string };

/** True when sessions of the bundle have a lease set of their own. */
export function isLeased(bundle: Bundle): boolean {
  return bundle.secrets.some((secret) => secret.kind === 'leased');
}
