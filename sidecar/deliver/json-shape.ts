/** Reads JSON whose shape is not known yet. Hand-written: a schema library costs a sidecar nine megabytes. */

/** The parsed value, or undefined when the bytes are no JSON. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return value;
  } catch {
    return undefined;
  }
}

export function readRecord(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return isRecord(value) ? value : undefined;
}

/** Undefined unless every element could be read. */
export function readArray<T>(
  value: unknown,
  readElement: (element: unknown) => T | undefined,
): readonly T[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const elements: T[] = [];
  for (const element of value) {
    const read = readElement(element);
    if (read === undefined) return undefined;
    elements.push(read);
  }
  return elements;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
