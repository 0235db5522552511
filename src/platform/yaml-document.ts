import type { Document, Node } from 'yaml';
import {
  LineCounter,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  parseDocument,
  visit,
} from 'yaml';
import type * as z from 'zod';
import { LeaseholdError } from './error.ts';
import { problemsOf, pathText } from './schema-problem.ts';
import type { KeyPath, Problem } from './schema-problem.ts';

/** Larger than any configuration that people read, small enough that no text of this size is slow to parse. */
const maxBytes = 1_048_576;

export interface YamlSource<Schema extends z.ZodType> {
  readonly text: string;
  readonly schema: Schema;
  /** Rules across keys, asked once the shape is right. */
  readonly check?: (value: z.output<Schema>) => readonly Problem[];
}

/**
 * One YAML 1.2 document as the value its schema describes. Anchors, aliases, tags, directives and duplicate keys are refused: they are
 * where two readers of one file come to see different things.
 * Throws `config_invalid` with every problem found, one a line, as `path: rule (line n)`. Rejected values never appear.
 */
export function parseYamlDocument<Schema extends z.ZodType>(source: YamlSource<Schema>): z.output<Schema> {
  const outcome = readYamlDocument(source);
  if (outcome.ok) return outcome.value;
  throw new LeaseholdError('config_invalid', { detail: outcome.problems.join('\n') });
}

export type YamlOutcome<Value> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly problems: readonly string[] };

/** The same without throwing. */
export function readYamlDocument<Schema extends z.ZodType>(
  source: YamlSource<Schema>,
): YamlOutcome<z.output<Schema>> {
  const { text, schema, check } = source;
  if (Buffer.byteLength(text) > maxBytes) return { ok: false, problems: ['the file is larger than 1 MiB'] };
  const lines = new LineCounter();
  const read = readValue(text, lines);
  if (!read.ok) return read;

  const parsed = schema.safeParse(read.value, { reportInput: false });
  const problems = parsed.success ? (check?.(parsed.data) ?? []) : problemsOf(parsed.error, read.value);
  if (parsed.success && problems.length === 0) return { ok: true, value: parsed.data };
  const described = problems.map((problem) => ({
    text: `${pathText(problem.path)}: ${problem.rule}`,
    line: lineOf(read.document, lines, problem.path),
  }));
  described.sort((a, b) => a.line - b.line);
  return {
    ok: false,
    problems: [...new Set(described.map(({ text, line }) => (line > 0 ? `${text} (line ${line})` : text)))],
  };
}

/** The value as it stands, under the same strict reading: for programs that are too small to carry a schema library. */
export function readYamlValue(text: string): YamlOutcome<unknown> {
  if (Buffer.byteLength(text) > maxBytes) return { ok: false, problems: ['the file is larger than 1 MiB'] };
  const read = readValue(text, new LineCounter());
  return read.ok ? { ok: true, value: read.value } : read;
}

type ReadValue =
  | { readonly ok: true; readonly value: unknown; readonly document: Document }
  | { readonly ok: false; readonly problems: readonly string[] };

function readValue(text: string, lines: LineCounter): ReadValue {
  try {
    const document = parseDocument(text, {
      version: '1.2',
      schema: 'core',
      lineCounter: lines,
      // With `silent` the library drops what follows the first document without an error.
      logLevel: 'error',
      // The library's own messages quote the text.
      prettyErrors: false,
      stringKeys: true,
      uniqueKeys: true,
    });
    const at = (offset: number, rule: string) => `line ${lines.linePos(offset).line}: ${rule}`;
    const problems = [
      ...document.errors.map((error) => at(error.pos[0], syntaxRules[error.code] ?? 'not valid YAML')),
      ...refusedFeatures(document).map(({ offset, rule }) => at(offset, rule)),
    ];
    if (problems.length > 0) return { ok: false, problems: [...new Set(problems)] };
    return { ok: true, value: document.toJS({ maxAliasCount: 0 }) as unknown, document };
  } catch {
    // The parser is recursive: text nested deep enough runs it out of stack, whatever the size limit is.
    return { ok: false, problems: ['the file is nested too deeply or is not YAML'] };
  }
}

const syntaxRules: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'this key stands twice in one mapping',
  MULTIPLE_DOCS: 'the file must hold one document',
  NON_STRING_KEY: 'a key must be a plain text',
  TAB_AS_INDENT: 'indent with spaces, not tabs',
  BAD_INDENT: 'the indentation does not fit',
};

function refusedFeatures(document: Document): { readonly offset: number; readonly rule: string }[] {
  const found: { offset: number; rule: string }[] = [];
  // A %YAML 1.1 directive would change what `yes` and `0440` mean.
  if (document.directives?.yaml.explicit === true)
    found.push({ offset: 0, rule: 'directives are not accepted' });
  const refuse = (node: Node, rule: string) => void found.push({ offset: node.range?.[0] ?? 0, rule });
  visit(document, (key, node) => {
    if (isAlias(node)) refuse(node, 'aliases are not accepted');
    if (isScalar(node) || isCollection(node)) {
      if (node.anchor !== undefined) refuse(node, 'anchors are not accepted');
      if (node.tag !== undefined) refuse(node, 'tags are not accepted');
    }
    // Assigned to an object, this key would change its prototype instead of its content.
    if (key === 'key' && isScalar(node) && node.value === '__proto__')
      refuse(node, 'this key is not accepted');
  });
  return found;
}

/** Line of the key at `path`, or of the nearest one above it that the file has; 0 for the document itself. */
function lineOf(document: Document, lines: LineCounter, path: KeyPath): number {
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (pair === undefined) break;
      offset = isNode(pair.key) ? pair.key.range?.[0] : offset;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number') {
      const item = node.items[step];
      if (!isNode(item)) break;
      offset = item.range?.[0];
      node = item;
    } else break;
  }
  return offset === undefined ? 0 : lines.linePos(offset).line;
}
