/** Segments that mean the same to every reader: no wildcard of a Vault policy, nothing that a URL would rewrite. */
const segment = /^[A-Za-z0-9_.@=~-]+$/;

/** Token machinery and the system itself hold no secrets for workloads. */
const reserved: ReadonlySet<string> = new Set(['sys', 'auth', 'cubbyhole']);

const maxLength = 512;

/** Which rule a path below a mount, or a mount itself, breaks; undefined when it is fine. */
export function brokenPathRule(path: string): string | undefined {
  if (path.length > maxLength) return 'must have at most 512 characters';
  const segments = path.split('/');
  if (segments.includes('')) return 'must have no empty segment and no slash at its ends';
  if (segments.some((part) => part === '.' || part === '..')) return 'must have no . or .. segment';
  // `+` and `*` are wildcards in the policy that is printed for this path; `%`, `?` and `#` change meaning in a URL.
  if (!segments.every((part) => segment.test(part)))
    return 'may have letters, digits and _ . @ = ~ - in its segments, nothing else';
  return undefined;
}

/** The same for a path that starts with its mount. */
export function brokenMountedPathRule(path: string): string | undefined {
  const [mount = ''] = path.split('/');
  if (reserved.has(mount.toLowerCase())) return 'must not start with sys, auth or cubbyhole';
  return brokenPathRule(path);
}
