import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTemplate, templateFields } from '../../../src/platform/template.ts';
import { fillTemplate, TemplateValueProblem } from '../../../sidecar/deliver/template-value.ts';

const values = new Map<string, Uint8Array>([
  ['db.user', Buffer.from('jane')],
  ['db.password', Buffer.from(`p"w\n'$x {{ db.user }}`)],
  ['db.empty', Buffer.from('')],
  ['db.odd name', Buffer.from('odd')],
  ['db.bytes', Buffer.from([0xff, 0x00, 0xfe])],
  ['db.b64', Buffer.from('aGk=')],
]);

function fill(source: string): Buffer {
  const parsed = parseTemplate(source);
  if (!parsed.ok) throw new Error(`${parsed.problem.line}:${parsed.problem.column} ${parsed.problem.rule}`);
  return fillTemplate(parsed.parts, (secret, field) => values.get(`${secret}.${field}`));
}

function problem(source: string) {
  const parsed = parseTemplate(source);
  return parsed.ok ? undefined : parsed.problem;
}

describe('parseTemplate', () => {
  it.each([
    ['{{ db.user', 1, 11, 'expected a | or }}'],
    ['{{ }}', 1, 4, 'expected the name of a secret or a quoted text'],
    ['{{ db }}', 1, 6, 'expected a dot and the name of a field'],
    ['{{ db. }}', 1, 7, 'expected the name of a field'],
    ['{{ db.user | env }}', 1, 14, 'expected one of the known functions'],
    ['{{ db.user | indent }}', 1, 21, 'indent needs a number from 0 to 64'],
    ['{{ db.user | indent 65 }}', 1, 23, 'indent needs a number from 0 to 64'],
    ['{{ db.user | default x }}', 1, 22, 'default needs a quoted text'],
    ['{{ db.user | default "x }}', 1, 22, 'default needs a quoted text'],
    ['one\ntwo {{ #each }}', 2, 8, 'expected the name of a secret or a quoted text'],
    ['{{ db.user }} {{ ../x }}', 1, 18, 'expected the name of a secret or a quoted text'],
  ])('refuses %j at line %i, column %i', (source, line, column, rule) => {
    expect(problem(source)).toEqual({ line, column, rule });
  });

  it('refuses a template that is too long', () => {
    expect(problem('x'.repeat(65_537))?.rule).toBe('the template is too long');
  });

  it('never throws, and never quotes the template in a problem', () => {
    const pieces = fc.constantFrom(
      '{{',
      '}}',
      ' ',
      '|',
      '.',
      'db',
      'user',
      'base64',
      'indent 4',
      '"',
      '\\',
      '\n',
      '☃',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(pieces).map((all) => all.join('')),
        ),
        (source) => {
          const parsed = parseTemplate(source);
          if (parsed.ok) return;
          expect(parsed.problem.line).toBeGreaterThan(0);
          expect(parsed.problem.column).toBeGreaterThan(0);
          expect(parsed.problem.rule).toMatch(/^[a-z0-9|{} ]+$/);
        },
      ),
    );
  });

  it('leaves text without expressions as it is', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('{{') && text.isWellFormed()),
        (text) => {
          expect(fill(text).toString()).toBe(text);
        },
      ),
    );
  });

  it('names the fields that a template reads', () => {
    const parsed = parseTemplate('{{ a.x }}{{ "lit" }}{{ b."y z" | base64 }}');
    expect(parsed.ok && templateFields(parsed.parts)).toEqual([
      { secret: 'a', field: 'x' },
      { secret: 'b', field: 'y z' },
    ]);
  });
});

describe('fillTemplate', () => {
  it.each([
    ['{{db.user}}', 'jane'],
    ['{{ db."odd name" }}', 'odd'],
    ['{{ "{{" }}', '{{'],
    ['{{ "a\\"b\\\\c\\n" }}', 'a"b\\c\n'],
    ['{{ db.user | upper | lower | base64 }}', 'amFuZQ=='],
    ['{{ db.b64 | base64decode }}', 'hi'],
    ['{{ " x " | trim }}', 'x'],
    ['{{ "a b/c\'(ü)" | urlencode }}', 'a%20b%2Fc%27%28%C3%BC%29'],
    ['{{ db.missing | default "none" }}', 'none'],
    ['{{ no.such | upper | default "none" }}', 'none'],
    ['{{ db.empty | default "none" }}', 'none'],
    ['{{ "a\\n\\nb" | indent 2 }}', '  a\n\n  b'],
    ['postgres://{{ db.user }}@h/', 'postgres://jane@h/'],
  ])('fills %j', (source, expected) => {
    expect(fill(source).toString()).toBe(expected);
  });

  it('copies a value as it is, however much it looks like a template', () => {
    expect(fill('{{ db.password }}').toString()).toBe(`p"w\n'$x {{ db.user }}`);
    expect(JSON.parse(fill('{{ db.password | json }}').toString())).toBe(`p"w\n'$x {{ db.user }}`);
  });

  it('copies bytes that are no text, and refuses them where text is needed', () => {
    expect(fill('{{ db.bytes }}')).toEqual(Buffer.from([0xff, 0x00, 0xfe]));
    expect(fill('{{ db.bytes | base64 }}').toString()).toBe('/wD+');
    expect(() => fill('{{ db.bytes | upper }}')).toThrow(TemplateValueProblem);
  });

  it('refuses a missing field, and base64 that is torn', () => {
    expect(() => fill('x\n{{ db.missing }}')).toThrow('line 2, column 1: there is no such secret or field');
    expect(() => fill('{{ "aGk" | base64decode }}')).toThrow('the value is not base64');
  });

  it('gives back any value through base64 and through json', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const parsed = parseTemplate('{{ s.f | base64 | base64decode }}');
        expect(parsed.ok && fillTemplate(parsed.parts, () => bytes)).toEqual(Buffer.from(bytes));
      }),
    );
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }).filter((text) => text.isWellFormed()),
        (text) => {
          const parsed = parseTemplate('{{ s.f | json }}');
          const filled = parsed.ok ? fillTemplate(parsed.parts, () => Buffer.from(text)).toString() : '';
          expect(JSON.parse(filled)).toBe(text);
        },
      ),
    );
  });
});
