/** Reads into a parsed JSON answer of a real part; undefined where the path leads nowhere. */
export const valueAt = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (current, key) =>
      typeof current === 'object' && current !== null ? Reflect.get(current, key) : undefined,
    value,
  );

/** The string at a path; throws with the path, never with the value. */
export const textAt = (value: unknown, ...path: readonly string[]): string => {
  const found = valueAt(value, ...path);
  if (typeof found !== 'string') throw new Error(`no string at ${path.join('.')}`);
  return found;
};

/** The number at a path; throws with the path, never with the value. */
export const numberAt = (value: unknown, ...path: readonly string[]): number => {
  const found = valueAt(value, ...path);
  if (typeof found !== 'number') throw new Error(`no number at ${path.join('.')}`);
  return found;
};
