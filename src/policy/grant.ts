import type { Bundle } from './bundle.ts';

/** One rule: these workloads may (allow) or may not (deny) hold these bundles. */
export interface Grant {
  readonly name: string;
  readonly effect: 'allow' | 'deny';
  /** Names or patterns; any of them. */
  readonly bundles: readonly string[];
  readonly pods: PodConditions;
  /** Shortens the bundle's own limit, seconds. Of an allow only. */
  readonly maxSeconds?: number;
}

/** Every condition must hold; of the patterns within one, any. Absent conditions hold for every pod. */
export interface PodConditions {
  readonly cluster: readonly string[];
  readonly namespace: readonly string[];
  readonly serviceAccount?: readonly string[];
  readonly pod?: readonly string[];
  readonly node?: readonly string[];
  readonly labels?: readonly LabelCondition[];
  /** `sha256:<64 hex>`, exact. An allow needs all digests of the pod in here; a deny any one of them. */
  readonly imageDigests?: readonly string[];
}

export interface LabelCondition {
  readonly key: string;
  readonly values: readonly string[];
}

/** What policy.yaml says, checked. Grants keep the order of the file. */
export interface Policy {
  readonly bundles: ReadonlyMap<string, Bundle>;
  readonly grants: readonly Grant[];
}
