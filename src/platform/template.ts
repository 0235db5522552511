/**
 * The template language of delivered files: text with `{{ secret.field | function argument | … }}` in it. Pure: no
 * loops, no files, no environment, and a value is only ever copied out, never read as template text again.
 */

/** Line and column count from 1; `rule` is fixed text and never quotes the template. */
export interface TemplateProblem {
  readonly line: number;
  readonly column: number;
  readonly rule: string;
}

export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'value';
      readonly source: ValueSource;
      readonly pipes: readonly Pipe[];
      readonly at: { readonly line: number; readonly column: number };
    };

export type ValueSource =
  | { readonly kind: 'field'; readonly secret: string; readonly field: string }
  | { readonly kind: 'literal'; readonly text: string };

export type Pipe =
  | { readonly name: 'base64' | 'base64decode' | 'json' | 'urlencode' | 'trim' | 'upper' | 'lower' }
  | { readonly name: 'indent'; readonly spaces: number }
  | { readonly name: 'default'; readonly text: string };

export type ParsedTemplate =
  | { readonly ok: true; readonly parts: readonly TemplatePart[] }
  | { readonly ok: false; readonly problem: TemplateProblem };

export const maxTemplateLength = 65_536;
const maxIndent = 64;
const maxPipes = 16;

const secretName = /[a-z0-9][a-z0-9_-]{0,62}/y;
const fieldName = /[A-Za-z0-9_][A-Za-z0-9_-]{0,254}/y;
const pipeName = /[a-z][a-z0-9]*/y;
const digits = /[0-9]{1,4}/y;
const blanks = /[ \t\r\n]*/y;
const quotedText = /"((?:[^"\\\r\n]|\\["\\nt])*)"/y;

/** Carries a problem out of the parser; never leaves this file. */
class Broken extends Error {
  readonly offset: number;
  readonly rule: string;

  constructor(offset: number, rule: string) {
    super(rule);
    this.offset = offset;
    this.rule = rule;
  }
}

/** Never throws, whatever the text is. */
export function parseTemplate(source: string): ParsedTemplate {
  try {
    return { ok: true, parts: parse(source) };
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    return { ok: false, problem: { ...position(source, error.offset), rule: error.rule } };
  }
}

/** Names of the secrets and fields a template reads, so that a policy can be checked before anything is delivered. */
export function templateFields(
  parts: readonly TemplatePart[],
): readonly { readonly secret: string; readonly field: string }[] {
  return parts.flatMap((part) =>
    part.kind === 'value' && part.source.kind === 'field'
      ? [{ secret: part.source.secret, field: part.source.field }]
      : [],
  );
}

function parse(source: string): TemplatePart[] {
  if (source.length > maxTemplateLength) throw new Broken(0, 'the template is too long');
  const parts: TemplatePart[] = [];
  let offset = 0;
  while (offset < source.length) {
    const open = source.indexOf('{{', offset);
    if (open !== offset) {
      parts.push({ kind: 'text', text: source.slice(offset, open === -1 ? source.length : open) });
      if (open === -1) break;
    }
    const expression = parseExpression(source, open);
    parts.push(expression.part);
    offset = expression.end;
  }
  return parts;
}

function parseExpression(
  source: string,
  open: number,
): { readonly part: TemplatePart; readonly end: number } {
  const reader = createReader(source, open + 2);
  reader.skipBlanks();
  const value = readSource(reader);
  const pipes: Pipe[] = [];
  for (;;) {
    reader.skipBlanks();
    if (reader.take('}}')) break;
    if (!reader.take('|')) throw new Broken(reader.offset(), 'expected a | or }}');
    if (pipes.length === maxPipes) throw new Broken(reader.offset(), 'too many functions in one expression');
    reader.skipBlanks();
    pipes.push(readPipe(reader));
  }
  return {
    part: { kind: 'value', source: value, pipes, at: position(source, open) },
    end: reader.offset(),
  };
}

function readSource(reader: Reader): ValueSource {
  const literal = reader.quoted();
  if (literal !== undefined) return { kind: 'literal', text: literal };
  const secret = reader.match(secretName);
  if (secret === undefined)
    throw new Broken(reader.offset(), 'expected the name of a secret or a quoted text');
  if (!reader.take('.')) throw new Broken(reader.offset(), 'expected a dot and the name of a field');
  const field = reader.quoted() ?? reader.match(fieldName);
  if (field === undefined || field === '') throw new Broken(reader.offset(), 'expected the name of a field');
  return { kind: 'field', secret, field };
}

function readPipe(reader: Reader): Pipe {
  const at = reader.offset();
  const name = reader.match(pipeName);
  switch (name) {
    case 'base64':
    case 'base64decode':
    case 'json':
    case 'urlencode':
    case 'trim':
    case 'upper':
    case 'lower':
      return { name };
    case 'indent': {
      reader.skipBlanks();
      const text = reader.match(digits);
      const spaces = text === undefined ? maxIndent + 1 : Number(text);
      if (spaces > maxIndent) throw new Broken(reader.offset(), 'indent needs a number from 0 to 64');
      return { name, spaces };
    }
    case 'default': {
      reader.skipBlanks();
      const text = reader.quoted();
      if (text === undefined) throw new Broken(reader.offset(), 'default needs a quoted text');
      return { name, text };
    }
    default:
      throw new Broken(at, 'expected one of the known functions');
  }
}

interface Reader {
  offset(): number;
  skipBlanks(): void;
  take(token: string): boolean;
  match(pattern: RegExp): string | undefined;
  quoted(): string | undefined;
}

function createReader(source: string, start: number): Reader {
  let offset = start;
  const exec = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = offset;
    const found = pattern.exec(source);
    if (found !== null) offset += found[0].length;
    return found;
  };
  return {
    offset: () => offset,
    skipBlanks: () => void exec(blanks),
    take: (token) => {
      if (!source.startsWith(token, offset)) return false;
      offset += token.length;
      return true;
    },
    match: (pattern) => exec(pattern)?.[0],
    quoted: () => {
      const found = exec(quotedText);
      return found === null ? undefined : unescape(found[1] ?? '');
    },
  };
}

function unescape(text: string): string {
  return text.replace(/\\(.)/g, (_, escaped: string) =>
    escaped === 'n' ? '\n' : escaped === 't' ? '\t' : escaped,
  );
}

function position(source: string, offset: number): { readonly line: number; readonly column: number } {
  const before = source.slice(0, offset);
  const line = before.split('\n').length;
  return { line, column: offset - before.lastIndexOf('\n') };
}
