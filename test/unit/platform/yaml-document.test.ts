import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { parseYamlDocument } from '../../../src/platform/yaml-document.ts';

const schema = z.strictObject({
  name: z.string(),
  port: z.number().int().min(1).max(9).optional(),
  list: z
    .array(z.strictObject({ url: z.string().regex(/^https:/, { error: 'must be an https URL' }) }))
    .optional(),
  map: z
    .record(z.string().regex(/^[a-z]+$/, { error: 'must be lower case' }), z.enum(['on', 'off']))
    .optional(),
});

const problems = (text: string, of: z.ZodType = schema): string => {
  try {
    parseYamlDocument({ text, schema: of });
  } catch (error) {
    if (error instanceof LeaseholdError && error.code === 'config_invalid') return error.detail ?? '';
    throw error;
  }
  return '';
};

describe('parseYamlDocument', () => {
  it('names every problem at once, with path, rule and line and without the value', () => {
    const text = [
      'port: 12',
      'passwordd: hunter2',
      'list:',
      '  - url: ftp://hunter2',
      '  - {}',
      'map:',
      '  HUNTER: on',
      '  low: hunter2',
    ].join('\n');
    expect(problems(text).split('\n')).toEqual([
      'name: is required',
      'port: must be at most 9 (line 1)',
      'passwordd: unknown key (line 2)',
      'list[0].url: must be an https URL (line 4)',
      'list[1].url: is required (line 5)',
      'map.HUNTER: must be lower case (line 7)',
      'map.low: must be on or off (line 8)',
    ]);
    expect(problems(text)).not.toContain('hunter2');
  });

  it.each([
    ['a duplicate key', 'name: a\nname: b', 'line 2: this key stands twice in one mapping'],
    ['two documents', 'name: a\n---\nname: b', 'line 2: the file must hold one document'],
    [
      'an anchor and its alias',
      'name: &x a\nmap: {a: *x}',
      'line 1: anchors are not accepted\nline 2: aliases are not accepted',
    ],
    ['a tag', 'name: !!str 12', 'line 1: tags are not accepted'],
    ['a custom tag', 'name: !evil 12', 'line 1: tags are not accepted'],
    ['a directive', '%YAML 1.1\n---\nname: a', 'line 1: directives are not accepted'],
    ['a key that is not a text', '[a]: b', 'line 1: a key must be a plain text'],
    ['the prototype key', 'name: a\n__proto__: {}', 'line 2: this key is not accepted'],
    ['broken syntax', 'name: a"\n  ]b: c', 'line 1: not valid YAML'],
    ['an empty file', '', 'the document: must be a mapping of keys to values'],
    ['a list', '- a', 'the document: must be a mapping of keys to values'],
    ['a null', 'name:', 'name: must be a text (in quotes when it looks like a number) (line 1)'],
    ['a merge key', 'name: a\n<<: {port: 1}', '["<<"]: unknown key (line 2)'],
  ])('refuses %s', (_, text, expected) => {
    expect(problems(text)).toBe(expected);
  });

  it('refuses a file that is too large or nested too deeply', () => {
    expect(problems(`name: ${'a'.repeat(1_048_576)}`)).toBe('the file is larger than 1 MiB');
    expect(problems('['.repeat(50_000))).not.toBe('');
  });

  it('shows a key that could confuse a terminal only in escaped form', () => {
    expect(problems('name: a\n"\\x1b[31m\\u202e": 1')).toBe('["\\u001b[31m\\u{202e}"]: unknown key (line 2)');
  });

  it('reads 0440 as the decimal number that YAML 1.2 says it is, and yes as a text', () => {
    expect(parseYamlDocument({ text: 'a: 0440\nb: yes', schema: z.any() })).toEqual({ a: 440, b: 'yes' });
  });

  it('asks the rules across keys once the shape is right', () => {
    const check = () => [{ path: ['name'], rule: 'must be another' }];
    const parse = () => parseYamlDocument({ text: 'name: a', schema, check });
    expect(parse).toThrow(
      expect.objectContaining({ code: 'config_invalid', detail: 'name: must be another (line 1)' }),
    );
  });

  it('throws nothing but config_invalid, whatever the text is', () => {
    const alphabet = fc.constantFrom(
      ...Array.from('ab:-[]{}&*!|>%#\'"\n\t ,?0~.\\<=\u0000\u2028é', (letter) => letter),
      '---',
      '...',
      '<<',
      '__proto__',
    );
    fc.assert(
      fc.property(fc.array(alphabet, { maxLength: 60 }), (parts) => {
        const text = parts.join('');
        problems(text);
        problems(text, z.any());
      }),
      { numRuns: 1500 },
    );
  });
});
