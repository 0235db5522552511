/** What an audit record may be made of. Numbers are safe integers, so that there is one way to write each. */
export type CanonicalValue =
  | string
  | number
  | boolean
  | readonly CanonicalValue[]
  | { readonly [key: string]: CanonicalValue | undefined };

/**
 * One encoding for each value: keys in the order of their UTF-16 code units, no white space, absent keys left out (the subset of
 * RFC 8785 that integers, strings, booleans, arrays and objects need). Throws TypeError for a number that is no safe integer.
 */
export function canonicalJson(value: CanonicalValue): string {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new TypeError('only safe integers have a canonical form here');
    return String(value === 0 ? 0 : value);
  }
  // A lone surrogate has no UTF-8 form: two different strings would become the same bytes.
  if (typeof value === 'string') return JSON.stringify(value.toWellFormed());
  if (typeof value === 'boolean') return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const parts: string[] = [];
  for (const key of Object.keys(value).sort()) {
    const member = value[key];
    if (member !== undefined) parts.push(`${JSON.stringify(key)}:${canonicalJson(member)}`);
  }
  return `{${parts.join(',')}}`;
}

function isList(
  value: readonly CanonicalValue[] | { readonly [key: string]: CanonicalValue | undefined },
): value is readonly CanonicalValue[] {
  return Array.isArray(value);
}
