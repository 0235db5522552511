/** Why a text was refused, in fixed words; the text itself never appears in it. */
export class JsonRefused extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'JsonRefused';
  }
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** Names that reach an object's prototype when a careless reader copies or merges the value. */
const forbiddenKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * JSON object from bytes, without the freedoms that let two readers see two different values: strict UTF-8, no byte order
 * mark, no key twice in one object (however it is escaped), no prototype key, bounded depth. Throws JsonRefused.
 */
export function parseStrictJson(
  bytes: Uint8Array,
  limits: { readonly maxBytes: number; readonly maxDepth: number },
): JsonObject {
  if (bytes.byteLength > limits.maxBytes) throw new JsonRefused('too long');
  const text = decodeUtf8(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes its input.
    throw new JsonRefused('not JSON');
  }
  if (!isJsonObject(value)) throw new JsonRefused('not an object');
  checkKeys(text, limits.maxDepth);
  return value;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new JsonRefused('not UTF-8');
  }
}

/**
 * Walks a text that JSON.parse has accepted, so the grammar need not be checked again: outside strings only braces and
 * brackets matter, and a string is a key when it is the first thing after `{` or, in an object, after `,`.
 */
function checkKeys(text: string, maxDepth: number): void {
  // One entry for each open bracket: the keys seen in an object, or undefined for an array.
  const open: (Set<string> | undefined)[] = [];
  let keyComesNext = false;
  for (let at = 0; at < text.length; at += 1) {
    switch (text[at]) {
      case '{':
      case '[':
        keyComesNext = text[at] === '{';
        open.push(keyComesNext ? new Set() : undefined);
        if (open.length > maxDepth) throw new JsonRefused('nested too deep');
        break;
      case '}':
      case ']':
        open.pop();
        keyComesNext = false;
        break;
      case ',':
        keyComesNext = open.at(-1) !== undefined;
        break;
      case '"': {
        const end = endOfString(text, at);
        if (keyComesNext) addKey(open.at(-1), text.slice(at, end + 1));
        keyComesNext = false;
        at = end;
        break;
      }
      default:
    }
  }
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}

function addKey(keys: Set<string> | undefined, quoted: string): void {
  // Compared unescaped: "a" and "\u0061" are one key.
  const key = quoted.includes('\\') ? String(JSON.parse(quoted)) : quoted.slice(1, -1);
  if (forbiddenKeys.has(key)) throw new JsonRefused('forbidden key');
  if (keys?.has(key) === true) throw new JsonRefused('key used twice');
  keys?.add(key);
}
