import type { Identity } from '../identity/identity.ts';

/** Which workloads or sessions an administrator means. Every given field must match; `*` in a value matches any run of characters. */
export interface Selector {
  readonly session?: string;
  readonly cluster?: string;
  readonly namespace?: string;
  readonly serviceAccount?: string;
  /** Pod name, or `namespace/name`. */
  readonly pod?: string;
  readonly podUid?: string;
  readonly node?: string;
  readonly imageDigest?: string;
  readonly bundle?: string;
  /** Everything; must be said, never implied. */
  readonly all?: true;
}

export function isEmptySelector(selector: Selector): boolean {
  return Object.keys(selector).length === 0;
}

/** Linear-time glob: only `*` is special. */
export function matchesPattern(pattern: string, value: string): boolean {
  const parts = pattern.split('*');
  const first = parts[0] ?? '';
  if (parts.length === 1) return pattern === value;
  const last = parts.at(-1) ?? '';
  if (!value.startsWith(first) || !value.endsWith(last) || value.length < first.length + last.length)
    return false;
  let at = first.length;
  const end = value.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = value.indexOf(part, at);
    if (found === -1 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** An empty selector matches nothing. */
export function matchesSelector(
  selector: Selector,
  subject: { readonly identity: Identity; readonly bundle: string; readonly session?: string },
): boolean {
  if (isEmptySelector(selector)) return false;
  const { identity, bundle, session } = subject;
  const glob = (pattern: string | undefined, value: string) =>
    pattern === undefined || matchesPattern(pattern, value);
  return (
    (selector.session === undefined || selector.session === session) &&
    glob(selector.cluster, identity.cluster) &&
    glob(selector.namespace, identity.namespace) &&
    glob(selector.serviceAccount, identity.serviceAccount) &&
    (selector.pod === undefined ||
      matchesPattern(
        selector.pod,
        selector.pod.includes('/') ? `${identity.namespace}/${identity.pod}` : identity.pod,
      )) &&
    (selector.podUid === undefined || selector.podUid === identity.podUid) &&
    glob(selector.node, identity.node) &&
    // Who locks an image must also stop what might be it: unknown digests match, as they do for a deny rule.
    (selector.imageDigest === undefined ||
      !identity.images.known ||
      identity.images.digests.includes(selector.imageDigest)) &&
    glob(selector.bundle, bundle)
  );
}
