import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../src/audit/canonical-json.ts';

describe('canonicalJson', () => {
  it.each([0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('refuses %s', (value) => {
    expect(() => canonicalJson({ value })).toThrow(TypeError);
  });

  it('sorts keys by UTF-16 code units and leaves out what is absent', () => {
    expect(canonicalJson({ b: 1, '\u{1F600}': 2, '\uFB33': 3, a: [true, -0], 'a b': undefined, A: {} })).toBe(
      '{"A":{},"a":[true,0],"b":1,"\u{1F600}":2,"\uFB33":3}',
    );
  });

  it('escapes only what must be escaped', () => {
    expect(canonicalJson('\u0000\b\t\n\f\r"\\/\u007f\u2028é')).toBe(
      '"\\u0000\\b\\t\\n\\f\\r\\"\\\\/\u007f\u2028é"',
    );
  });

  it('writes half a character as the sign for a broken one', () => {
    expect(canonicalJson('\ud800')).toBe('"\uFFFD"');
  });

  it('does not depend on the order in which keys were set', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ unit: 'binary' }), { maxLength: 8 }), (keys) => {
        const entries = keys.map((key, index) => [key, index] as const);
        const text = canonicalJson(Object.fromEntries(entries));
        expect(canonicalJson(Object.fromEntries(entries.toReversed()))).toBe(text);
      }),
    );
  });
});
