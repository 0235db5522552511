/** Those that are not among the others, in their order. */
export function withoutAll(all: readonly string[], others: readonly string[]): readonly string[] {
  const known = new Set(others);
  return all.filter((one) => !known.has(one));
}
