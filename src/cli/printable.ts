// Control, format, unassigned and lone surrogate characters, line and paragraph separators: whatever can move a cursor,
// start an escape sequence, reorder text or end a line.
const unsafe = /[\p{C}\p{Zl}\p{Zp}]/gu;

/**
 * A value from the broker as it may reach a terminal: a pod's name or a person's reason must not drive the terminal or
 * forge a row. Unsafe characters become `\u{hex}`.
 */
export function printable(text: string): string {
  return text.replace(unsafe, (found) => `\\u{${(found.codePointAt(0) ?? 0).toString(16)}}`);
}

export function isPrintable(text: string): boolean {
  return text.search(unsafe) === -1;
}

/** The same for text in double quotes of JSON or YAML, where line feeds are structure; its meaning stays as it is. */
export function escapeQuoted(text: string): string {
  return text.replace(unsafe, (found) =>
    found === '\n'
      ? found
      : Array.from({ length: found.length }, (_, unit) => {
          return `\\u${found.charCodeAt(unit).toString(16).padStart(4, '0')}`;
        }).join(''),
  );
}
