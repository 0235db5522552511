import type * as z from 'zod';

export type KeyPath = readonly (string | number)[];

/** One broken rule. `rule` is fixed text and never quotes the value. */
export interface Problem {
  readonly path: KeyPath;
  readonly rule: string;
}

/** `clusters[0].keys.url`; a key that is not a plain word is shown as JSON, cut short, so that no terminal is confused by it. */
export function pathText(path: KeyPath): string {
  if (path.length === 0) return 'the document';
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      if (!/^[A-Za-z0-9_-]{1,64}$/.test(step)) return `[${quoted(step)}]`;
      return index === 0 ? step : `.${step}`;
    })
    .join('');
}

function quoted(key: string): string {
  const short = key.length > 64 ? `${key.slice(0, 64)}…` : key;
  // Escapes everything outside ASCII: control and direction marks could rewrite the line they stand in.
  return JSON.stringify(short).replace(
    /[^\x20-\x7e]/gu,
    (letter) => `\\u{${letter.codePointAt(0)?.toString(16) ?? ''}}`,
  );
}

/**
 * What a schema found, in our own words. `input` is what was parsed: only whether a value is there is taken from it.
 * Rules that a schema states itself (`.refine`, `addIssue`, or the `error` of a check) pass as they are, so they must be fixed text.
 */
export function problemsOf(error: z.ZodError, input: unknown): readonly Problem[] {
  return error.issues.flatMap((issue) => problemsOfIssue(issue, input));
}

function problemsOfIssue(issue: z.core.$ZodIssue, input: unknown): readonly Problem[] {
  const path = issue.path.filter((step): step is string | number => typeof step !== 'symbol');
  const missing = issue.code === 'invalid_type' && valueAt(input, path) === undefined;
  // A schema's own rule says more than the general one; the library's own messages never begin like this.
  const own = !missing && issue.message.startsWith('must ') ? issue.message : undefined;
  const one = (rule: string): readonly Problem[] => [{ path, rule: own ?? rule }];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ path: [...path, key], rule: 'unknown key' }));
    case 'invalid_type':
      return one(missing ? 'is required' : `must be ${typeNames[issue.expected] ?? 'of another type'}`);
    case 'invalid_value':
      return one(`must be ${issue.values.map(String).join(' or ')}`);
    case 'too_small':
      return one(`must ${sizeVerb(issue.origin)} at least ${countText(issue.minimum, issue.origin)}`);
    case 'too_big':
      return one(`must ${sizeVerb(issue.origin)} at most ${countText(issue.maximum, issue.origin)}`);
    case 'invalid_key':
      return issue.issues.map((inner) => ({ path, rule: inner.message }));
    case 'invalid_union':
    case 'invalid_element':
    case 'not_multiple_of':
      return one('is not one of the accepted forms');
    case 'invalid_format':
    case 'custom':
      return one(issue.message);
  }
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a text (in quotes when it looks like a number)',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping of keys to values',
  record: 'a mapping of keys to values',
  array: 'a list',
};

function sizeVerb(origin: string): string {
  return origin === 'number' || origin === 'int' ? 'be' : 'have';
}

function countText(limit: number | bigint, origin: string): string {
  if (origin === 'string') return `${limit} ${limit === 1 ? 'character' : 'characters'}`;
  if (origin === 'array') return `${limit} ${limit === 1 ? 'entry' : 'entries'}`;
  return `${limit}`;
}

function valueAt(input: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>(
    (current, step) =>
      typeof current === 'object' && current !== null && Object.hasOwn(current, step)
        ? Reflect.get(current, step)
        : undefined,
    input,
  );
}
