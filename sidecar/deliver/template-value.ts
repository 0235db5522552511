import type { Pipe, TemplatePart } from '../../src/platform/template.ts';

/** Answers undefined where the secret or the field does not exist. */
export type LookUp = (secret: string, field: string) => Uint8Array | undefined;

/** A value cannot be put into its place. `rule` is fixed text; the value is never part of it. */
export class TemplateValueProblem extends Error {
  readonly rule: string;

  constructor(at: { readonly line: number; readonly column: number }, rule: string) {
    super(`template line ${at.line}, column ${at.column}: ${rule}`);
    this.rule = rule;
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Fills a parsed template. Without functions a field's bytes are copied as they are; every function but `base64` needs
 * UTF-8 text. A missing field is a problem unless `default` stands for it: a file with a hole would look complete.
 */
export function fillTemplate(parts: readonly TemplatePart[], lookUp: LookUp): Buffer {
  return Buffer.concat(
    parts.map((part) => {
      if (part.kind === 'text') return Buffer.from(part.text, 'utf8');
      const start =
        part.source.kind === 'literal'
          ? Buffer.from(part.source.text, 'utf8')
          : lookUp(part.source.secret, part.source.field);
      const value = part.pipes.reduce<Uint8Array | undefined>(
        (current, pipe) => applyPipe(pipe, current, part.at),
        start,
      );
      if (value === undefined) throw new TemplateValueProblem(part.at, 'there is no such secret or field');
      return value;
    }),
  );
}

function applyPipe(
  pipe: Pipe,
  value: Uint8Array | undefined,
  at: { readonly line: number; readonly column: number },
): Uint8Array | undefined {
  if (pipe.name === 'default') {
    return value === undefined || value.byteLength === 0 ? Buffer.from(pipe.text, 'utf8') : value;
  }
  if (value === undefined) return undefined;
  if (pipe.name === 'base64') return Buffer.from(bytesOf(value).toString('base64'), 'latin1');
  const text = textOf(value, at);
  switch (pipe.name) {
    case 'base64decode':
      return decodeBase64(text, at);
    case 'json':
      return Buffer.from(JSON.stringify(text), 'utf8');
    case 'urlencode':
      return Buffer.from(percentEncode(text), 'latin1');
    case 'trim':
      return Buffer.from(text.trim(), 'utf8');
    case 'upper':
      return Buffer.from(text.toUpperCase(), 'utf8');
    case 'lower':
      return Buffer.from(text.toLowerCase(), 'utf8');
    case 'indent': {
      const prefix = ' '.repeat(pipe.spaces);
      // Empty lines stay empty, so that the result has no trailing blanks.
      const lines = text.split('\n').map((line) => (line === '' ? line : prefix + line));
      return Buffer.from(lines.join('\n'), 'utf8');
    }
  }
}

function textOf(value: Uint8Array, at: { readonly line: number; readonly column: number }): string {
  try {
    return strictUtf8.decode(value);
  } catch {
    throw new TemplateValueProblem(at, 'the value is not UTF-8 text');
  }
}

function decodeBase64(text: string, at: { readonly line: number; readonly column: number }): Buffer {
  const compact = text.replace(/[\r\n]/g, '');
  // Node skips what it does not know; a torn value must not come out as a shorter one.
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(compact) || compact.length % 4 !== 0) {
    throw new TemplateValueProblem(at, 'the value is not base64');
  }
  return Buffer.from(compact, 'base64');
}

/** Everything but the unreserved characters of RFC 3986; encodeURIComponent leaves five others. */
function percentEncode(text: string): string {
  return [...Buffer.from(text, 'utf8')]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9._~-]/.test(character)
        ? character
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

function bytesOf(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
