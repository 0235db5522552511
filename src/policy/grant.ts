import type { Bundle } from './bundle.ts';

/** One rule: these workloads may (allow) or may not (deny) hold these bundles. */
export type Grant = GrantRule & Subjects;

/** Whom a rule is about: pods or runs, never both. */
type Subjects =
  | { readonly pods: PodConditions; readonly runs?: never }
  | { readonly runs: RunConditions; readonly pods?: never };

export interface GrantRule {
  readonly name: string;
  readonly effect: 'allow' | 'deny';
  /** Names or patterns; any of them. */
  readonly bundles: readonly string[];
  /** Shortens the bundle's own limit, seconds. Of an allow only. */
  readonly maxSeconds?: number;
  /** Of an allow for runs: every run that it matches gets the bundles, or only one whose job asks for them. */
  readonly deliver?: 'always' | 'on_request';
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

/** Every condition must hold; of the patterns within one, any. Absent conditions hold for every run. */
export interface RunConditions {
  readonly cluster: readonly string[];
  readonly user?: readonly string[];
  /** Name of the user's primary group. */
  readonly group?: readonly string[];
  readonly partition?: readonly string[];
  /** Where the cluster does not enforce accounting, never holds for an allow and always for a deny: users write what they like. */
  readonly account?: readonly string[];
  /** Likewise. */
  readonly qos?: readonly string[];
  /** An allow needs every node of the run to match; a deny any one of them. */
  readonly node?: readonly string[];
  /** Only tasks of arrays, or only what is none. */
  readonly array?: boolean;
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
