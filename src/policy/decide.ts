import type { Identity, ImageFacts, PodIdentity, RunIdentity } from '../identity/identity.ts';
import type { Decision, RuleTrace, RunBundles } from './decision.ts';
import type { Grant, GrantRule, Policy, PodConditions, RunConditions } from './grant.ts';
import { matchesPattern } from '../platform/name-pattern.ts';

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
    deliver: allow.deliver ?? 'always',
    trace,
  };
}

function matchesAny(patterns: readonly string[], value: string): boolean {
  return patterns.some((pattern) => matchesPattern(pattern, value));
}

/** Name of the first condition that does not hold; undefined when the rule matches. */
function firstFailed(grant: Grant, identity: Identity): string | undefined {
  const { effect, pods, runs } = grant;
  if (identity.kind === 'pod') return pods === undefined ? 'runs' : firstFailedOfPod(effect, pods, identity);
  return runs === undefined ? 'pods' : firstFailedOfRun(effect, runs, identity);
}

function firstFailedOfPod(
  effect: Grant['effect'],
  pods: PodConditions,
  identity: PodIdentity,
): string | undefined {
  for (const field of ['cluster', 'namespace', 'serviceAccount', 'pod', 'node'] as const) {
    const patterns = pods[field];
    if (patterns !== undefined && !matchesAny(patterns, identity[field])) return field;
  }
  for (const { key, values } of pods.labels ?? []) {
    // Own properties only: a label named like a method of Object is still absent.
    const value = Object.hasOwn(identity.labels, key) ? identity.labels[key] : undefined;
    if (value === undefined || !matchesAny(values, value)) return `labels.${key}`;
  }
  if (pods.imageDigests !== undefined && !imagesHold(effect, pods.imageDigests, identity.images))
    return 'imageDigests';
  return undefined;
}

function firstFailedOfRun(
  effect: Grant['effect'],
  runs: RunConditions,
  identity: RunIdentity,
): string | undefined {
  for (const field of ['cluster', 'user', 'group', 'partition'] as const) {
    const patterns = runs[field];
    if (patterns !== undefined && !matchesAny(patterns, identity[field])) return field;
  }
  for (const field of ['account', 'qos'] as const) {
    const patterns = runs[field];
    if (patterns === undefined) continue;
    // Without enforcement `sbatch -A anything` is accepted, and not every Slurm tells or checks a QOS: doubt never helps the run.
    const doubt = !identity.accountingEnforced
      ? 'accounting is not enforced'
      : identity[field] === ''
        ? 'nobody vouches for one'
        : undefined;
    const holds = doubt === undefined ? matchesAny(patterns, identity[field]) : effect === 'deny';
    if (!holds) return doubt === undefined ? field : `${field} (${doubt})`;
  }
  if (runs.array !== undefined && runs.array !== (identity.array !== undefined)) return 'array';
  if (runs.node !== undefined && !nodesHold(effect, runs.node, identity.nodes)) return 'node';
  return undefined;
}

function nodesHold(effect: Grant['effect'], patterns: readonly string[], nodes: readonly string[]): boolean {
  const matches = (node: string) => matchesAny(patterns, node);
  return effect === 'deny' ? nodes.some(matches) : nodes.length > 0 && nodes.every(matches);
}

/** Doubt never helps the workload: unknown digests fail an allow and satisfy a deny. */
function imagesHold(effect: Grant['effect'], listed: readonly string[], images: ImageFacts): boolean {
  if (!images.known || images.digests.length === 0) return effect === 'deny';
  return effect === 'deny'
    ? images.digests.some((digest) => listed.includes(digest))
    : images.digests.every((digest) => listed.includes(digest));
}

/**
 * What the nodes of a run are to deliver: bundles of grants that deliver always, and of those that its job asks for, what a grant allows.
 * In the order of the file, so that the same run has the same list everywhere.
 */
export function bundlesForRun(
  policy: Policy,
  identity: RunIdentity,
  requested: readonly string[],
): RunBundles {
  const bundles = [...policy.bundles.keys()].filter((name) => {
    const decision = decide(policy, identity, name);
    return decision.allowed && (decision.deliver === 'always' || requested.includes(name));
  });
  const refused = [...new Set(requested)]
    .filter((bundle) => !bundles.includes(bundle))
    .map((bundle) => {
      const decision = decide(policy, identity, bundle);
      return { bundle, code: decision.allowed ? ('not_granted' as const) : decision.code };
    });
  return { bundles, refused };
}

/** See `PolicySource.runGrants`. */
export function runGrants(
  policy: Policy,
  cluster: string,
): readonly (GrantRule & { readonly runs: RunConditions })[] {
  return policy.grants.flatMap((grant) =>
    grant.runs !== undefined &&
    grant.effect === 'allow' &&
    grant.deliver !== 'on_request' &&
    matchesAny(grant.runs.cluster, cluster)
      ? [grant]
      : [],
  );
}
