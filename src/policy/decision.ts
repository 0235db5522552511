import type { ErrorCode } from '../platform/error.ts';
import type { Bundle } from './bundle.ts';

/** What the policy says about one workload and one bundle. Always names the rule, where one decided. */
export type Decision =
  | {
      readonly allowed: true;
      readonly bundle: Bundle;
      /** Name of the grant. */
      readonly rule: string;
      /** Absolute life of a session under this grant, seconds: the smaller of the bundle's and the grant's. */
      readonly maxSeconds: number;
      /** Whether a run gets the bundle without asking. */
      readonly deliver: 'always' | 'on_request';
      readonly trace: readonly RuleTrace[];
    }
  | {
      readonly allowed: false;
      /** `bundle_unknown` and `not_granted` look the same to the workload. */
      readonly code: Extract<ErrorCode, 'bundle_unknown' | 'not_granted'>;
      /** Name of the deny rule; undefined when nothing matched. */
      readonly rule: string | undefined;
      readonly trace: readonly RuleTrace[];
    };

/** How one rule that names the bundle fared. */
export interface RuleTrace {
  readonly rule: string;
  readonly effect: 'allow' | 'deny';
  readonly matched: boolean;
  /** First condition that failed, for example `namespace` or `labels.team`. */
  readonly failed: string | undefined;
}

/** What a run gets. */
export interface RunBundles {
  readonly bundles: readonly string[];
  /** Of what its job asked for. */
  readonly refused: readonly {
    readonly bundle: string;
    readonly code: Extract<ErrorCode, 'bundle_unknown' | 'not_granted'>;
  }[];
}
