import type { Identity, PodIdentity, RunIdentity } from '../identity/identity.ts';
import { matchesPattern } from '../platform/name-pattern.ts';

/** Which workloads or sessions an administrator means. Every given field must match; `*` in a value matches any run of characters. */
export interface Selector {
  readonly session?: string;
  readonly cluster?: string;
  readonly namespace?: string;
  readonly serviceAccount?: string;
  /** Pod name, or `namespace/name`. */
  readonly pod?: string;
  readonly podUid?: string;
  /** Job id, also of an array task or of a component of a heterogeneous job; exact. */
  readonly job?: string;
  /** Job id of an array; exact. */
  readonly array?: string;
  readonly user?: string;
  readonly account?: string;
  readonly partition?: string;
  /** Of a run: any of its nodes. */
  readonly node?: string;
  readonly imageDigest?: string;
  readonly bundle?: string;
  /** Everything; must be said, never implied. */
  readonly all?: true;
}

export function isEmptySelector(selector: Selector): boolean {
  return Object.keys(selector).length === 0;
}

/** A condition that is absent holds. */
function holds(pattern: string | undefined, value: string): boolean {
  return pattern === undefined || matchesPattern(pattern, value);
}

/** An empty selector matches nothing. */
export function matchesSelector(
  selector: Selector,
  subject: { readonly identity: Identity; readonly bundle: string; readonly session?: string },
): boolean {
  if (isEmptySelector(selector)) return false;
  const { identity, bundle, session } = subject;
  return (
    (selector.session === undefined || selector.session === session) &&
    holds(selector.cluster, identity.cluster) &&
    holds(selector.bundle, bundle) &&
    (identity.kind === 'pod' ? matchesPod(selector, identity) : matchesRun(selector, identity))
  );
}

const podFields = ['namespace', 'serviceAccount', 'pod', 'podUid', 'imageDigest'] as const;
const runFields = ['job', 'array', 'user', 'account', 'partition'] as const;

function matchesPod(selector: Selector, identity: PodIdentity): boolean {
  if (runFields.some((field) => selector[field] !== undefined)) return false;
  const { namespace, pod, images } = identity;
  return (
    holds(selector.namespace, namespace) &&
    holds(selector.serviceAccount, identity.serviceAccount) &&
    holds(selector.pod, selector.pod?.includes('/') === true ? `${namespace}/${pod}` : pod) &&
    (selector.podUid === undefined || selector.podUid === identity.podUid) &&
    holds(selector.node, identity.node) &&
    // Who locks an image must also stop what might be it: unknown digests match, as they do for a deny rule.
    (selector.imageDigest === undefined || !images.known || images.digests.includes(selector.imageDigest))
  );
}

function matchesRun(selector: Selector, identity: RunIdentity): boolean {
  if (podFields.some((field) => selector[field] !== undefined)) return false;
  const { job, array, node } = selector;
  return (
    (job === undefined || [identity.jobId, identity.het?.jobId].some((id) => String(id) === job)) &&
    (array === undefined || String(identity.array?.jobId) === array) &&
    holds(selector.user, identity.user) &&
    holds(selector.account, identity.account) &&
    holds(selector.partition, identity.partition) &&
    (node === undefined || identity.nodes.some((name) => matchesPattern(node, name)))
  );
}
