import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonRefused, parseStrictJson } from '../../../src/identity/strict-json.ts';

const limits = { maxBytes: 100_000, maxDepth: 8 };
const parse = (text: string | Uint8Array) => parseStrictJson(Buffer.from(text), limits);

describe('parseStrictJson', () => {
  it.each([
    ['a key twice', '{"aud":"a","aud":"b"}', 'key used twice'],
    ['a key twice with an escape', String.raw`{"aud":"a","\u0061ud":"b"}`, 'key used twice'],
    ['a key twice further in', '{"a":[{"b":{"c":1,"d":[{}],"c":2}}]}', 'key used twice'],
    ['a key twice after a nested object', '{"a":{"a":1},"a":2}', 'key used twice'],
    ['a prototype key', '{"__proto__":{"admin":true}}', 'forbidden key'],
    ['an escaped prototype key', String.raw`{"__proto\u005f_":1}`, 'forbidden key'],
    ['a constructor key', '{"a":{"constructor":1}}', 'forbidden key'],
    ['an array', '[]', 'not an object'],
    ['a string', '"x"', 'not an object'],
    ['null', 'null', 'not an object'],
    ['nothing', '', 'not JSON'],
    ['a comment', '{/*x*/}', 'not JSON'],
    ['a second value', '{} {}', 'not JSON'],
    ['a byte order mark', '\uFEFF{}', 'not JSON'],
    ['too many levels', `{"a":${'['.repeat(8)}${']'.repeat(8)}}`, 'nested too deep'],
    ['thousands of levels', `{"a":${'['.repeat(40_000)}${']'.repeat(40_000)}}`, 'nested too deep'],
    ['too many bytes', `{"a":"${'x'.repeat(100_000)}"}`, 'too long'],
  ])('refuses %s', (_what, text, reason) => {
    expect(() => parse(text)).toThrow(new JsonRefused(reason));
  });

  it.each([
    ['a lone continuation byte', [0x7b, 0x22, 0x80, 0x22, 0x3a, 0x31, 0x7d]],
    ['an overlong slash', [0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]],
    ['a surrogate in UTF-8', [0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]],
  ])('refuses %s', (_what, bytes) => {
    expect(() => parse(Uint8Array.from(bytes))).toThrow(new JsonRefused('not UTF-8'));
  });

  it('accepts one key in different objects, and keys that are only values elsewhere', () => {
    const text = String.raw`{"a":{"b":1},"c":[{"b":1},{"b":"a"}],"d":"{\"a\":1,\"a\":2}","e":["a","a"]}`;
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  const key = fc.string({ maxLength: 6 }).filter((name) => !['__proto__'].includes(name));
  const { object } = fc.letrec<{ object: object; value: unknown }>((tie) => ({
    object: fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
    value: fc.oneof(
      { depthSize: 'small', maxDepth: 4 },
      fc.string(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 3 }),
      tie('object'),
    ),
  }));

  it('reads what JSON.parse reads, whatever the spacing', () => {
    fc.assert(
      fc.property(object, fc.constantFrom(undefined, 1, '\t', '\r\n '), (value, space) => {
        const text = JSON.stringify(value, undefined, space);
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('refuses a duplicate key wherever it is put', () => {
    fc.assert(
      fc.property(object, key, object, object, fc.boolean(), (around, name, first, second, escaped) => {
        const plain = JSON.stringify(name);
        const again = escaped ? escapeAll(name) : plain;
        const inner = `{${plain}:${JSON.stringify(first)},${again}:${JSON.stringify(second)}}`;
        // The marker is replaced by raw text, because no value can hold a key twice.
        const text = JSON.stringify({ outer: [around, '@@'] }).replace('"@@"', () => inner);
        fc.pre(!JSON.stringify(around).includes('"@@"'));
        expect(() => parseStrictJson(Buffer.from(text), { maxBytes: 1e6, maxDepth: 30 })).toThrow(
          JsonRefused,
        );
      }),
    );
  });

  it('never accepts what JSON.parse refuses or reads otherwise', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"b"',
      '1',
      'null',
      '"',
      '\\',
      ' ',
      '"\\""',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        let accepted: unknown;
        try {
          accepted = parse(text);
        } catch (error) {
          expect(error).toBeInstanceOf(JsonRefused);
          return;
        }
        expect(accepted).toEqual(JSON.parse(text));
        // As many keys in the value as in the text: none was swallowed.
        expect(countKeys(accepted)).toBe((text.match(/"(?:[^"\\]|\\.)*"\s*:/g) ?? []).length);
      }),
      { numRuns: 2_000 },
    );
  });

  it('answers any bytes with a value or a refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          parse(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(JsonRefused);
        }
      }),
    );
  });
});

function escapeAll(text: string): string {
  const units = Array.from({ length: text.length }, (_, at) => text.charCodeAt(at));
  return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')}"`;
}

function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inner: number = Object.values(value).reduce((sum: number, item) => sum + countKeys(item), 0);
  return inner + (Array.isArray(value) ? 0 : Object.keys(value).length);
}
