import type { Identity, ImageFacts } from '../identity/identity.ts';
import type { Decision, RuleTrace } from './decision.ts';
import type { Grant, Policy } from './grant.ts';
import { matchesPattern } from './selector.ts';

/**
 * What the policy says about one workload and one bundle. Any matching deny refuses, wherever it stands; otherwise the first matching
 * allow in file order decides. Nothing matched is a refusal. Pure: the same question always has the same answer.
 */
export function decide(policy: Policy, identity: Identity, bundleName: string): Decision {
  const named = policy.grants.filter((grant) => matchesAny(grant.bundles, bundleName));
  const fared = named.map((grant) => ({ grant, failed: firstFailed(grant, identity) }));
  const trace = fared.map(({ grant, failed }): RuleTrace => {
    return { rule: grant.name, effect: grant.effect, matched: failed === undefined, failed };
  });
  const matched = fared.filter(({ failed }) => failed === undefined).map(({ grant }) => grant);
  const deny = matched.find((grant) => grant.effect === 'deny');
  const allow = matched.find((grant) => grant.effect === 'allow');

  // Looked up only now: whoever guesses names of bundles gets the same work done for each guess.
  const bundle = policy.bundles.get(bundleName);
  if (bundle === undefined) return { allowed: false, code: 'bundle_unknown', rule: undefined, trace };
  if (deny !== undefined || allow === undefined)
    return { allowed: false, code: 'not_granted', rule: deny?.name, trace };
  return {
    allowed: true,
    bundle,
    rule: allow.name,
    maxSeconds: Math.min(bundle.maxSeconds, allow.maxSeconds ?? bundle.maxSeconds),
    trace,
  };
}

function matchesAny(patterns: readonly string[], value: string): boolean {
  return patterns.some((pattern) => matchesPattern(pattern, value));
}

/** Name of the first condition that does not hold; undefined when the rule matches. */
function firstFailed(grant: Grant, identity: Identity): string | undefined {
  const { pods } = grant;
  for (const field of ['cluster', 'namespace', 'serviceAccount', 'pod', 'node'] as const) {
    const patterns = pods[field];
    if (patterns !== undefined && !matchesAny(patterns, identity[field])) return field;
  }
  for (const { key, values } of pods.labels ?? []) {
    // Own properties only: a label named like a method of Object is still absent.
    const value = Object.hasOwn(identity.labels, key) ? identity.labels[key] : undefined;
    if (value === undefined || !matchesAny(values, value)) return `labels.${key}`;
  }
  if (pods.imageDigests !== undefined && !imagesHold(grant.effect, pods.imageDigests, identity.images))
    return 'imageDigests';
  return undefined;
}

/** Doubt never helps the workload: unknown digests fail an allow and satisfy a deny. */
function imagesHold(effect: Grant['effect'], listed: readonly string[], images: ImageFacts): boolean {
  if (!images.known || images.digests.length === 0) return effect === 'deny';
  return effect === 'deny'
    ? images.digests.some((digest) => listed.includes(digest))
    : images.digests.every((digest) => listed.includes(digest));
}
