import type { ErrorCode } from '../../platform/error.ts';
import type { Bundle, SecretSource } from '../../policy/bundle.ts';

/**
 * A canary proves a dynamic path before it is needed: a credential is issued there as a session's would be, nothing is done with it, and it is
 * revoked and seen gone. So a revocation statement that fails is found on a quiet day and not in an incident.
 */
export interface CanarySettings {
  /** Between two canaries at one path. */
  readonly intervalMs: number;
  /** Only these of the paths that the policy's bundles lease from; all of them when left out. */
  readonly paths?: readonly string[];
}

/** One path to prove, through the token role of a bundle that has it. */
export interface CanaryTarget {
  readonly path: string;
  readonly bundle: Bundle;
  readonly source: SecretSource;
}

/** `waiting`: none has come to an end that says anything about the path. */
export const canaryOutcomes = ['waiting', 'passed', 'issue_failed', 'revoke_failed'] as const;

export type CanaryOutcome = (typeof canaryOutcomes)[number];

/** How a path stands by its last canary that said something. Instants are milliseconds since the Unix epoch. */
export interface CanaryStatus {
  readonly path: string;
  /** The bundle whose token role is used. */
  readonly bundle: string;
  readonly outcome: CanaryOutcome;
  /** Of a failure. */
  readonly why: ErrorCode | undefined;
  /** When that canary began. */
  readonly ranAt: number | undefined;
  /** Its session, in which its credentials are to be found. */
  readonly session: string | undefined;
  /** When the last one that passed had been seen gone. */
  readonly passedAt: number | undefined;
  /** When the next one is due; undefined while one is under way, or has left something that has to go first. */
  readonly nextAt: number | undefined;
}

/** A path that several bundles lease from is proved through the first of them, by name. */
export function canaryTargets(
  bundles: readonly Bundle[],
  { paths }: Pick<CanarySettings, 'paths'>,
): readonly CanaryTarget[] {
  const targets = new Map<string, CanaryTarget>();
  for (const bundle of bundles.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    for (const source of bundle.secrets) {
      const { kind, path } = source;
      if (kind !== 'leased' || targets.has(path) || paths?.includes(path) === false) continue;
      targets.set(path, { path, bundle, source });
    }
  }
  return [...targets.values()];
}
