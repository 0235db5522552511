import fc from 'fast-check';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { toJson, toYaml } from '../../../src/cli/output.ts';
import { isPrintable, printable } from '../../../src/cli/printable.ts';
import { renderTable } from '../../../src/cli/table.ts';

/** Text of everything that a terminal might act on. */
const wild = fc.string({ unit: 'binary', maxLength: 40 });

describe('printable', () => {
  it('leaves nothing that a terminal acts on', () => {
    fc.assert(fc.property(wild, (text) => isPrintable(printable(text))));
  });

  it('changes nothing that is harmless', () => {
    for (const text of ['orders-db', 'Zürich café', 'ジョブ', 'a "b" \\ c'])
      expect(printable(text)).toBe(text);
  });

  it.each([
    ['an escape sequence', '\u001b[31m'],
    ['the one-byte introducer', '\u009b2J'],
    ['a carriage return', 'a\rb'],
    ['right-to-left override', 'gpj\u202e.exe'],
    ['a line separator', 'a\u2028b'],
    ['half a surrogate pair', '\ud800'],
    ['a tag character', '\u{e0041}'],
  ])('escapes %s', (_what, text) => {
    expect(printable(text)).toMatch(/\\u\{[0-9a-f]+\}/);
  });
});

describe('toJson', () => {
  it('keeps the meaning and escapes what a terminal acts on', () => {
    fc.assert(
      fc.property(fc.dictionary(wild, wild), (data) => {
        const json = toJson(data, 2);
        expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(data)));
        expect(isPrintable(json.replaceAll('\n', ''))).toBe(true);
      }),
    );
  });
});

describe('toYaml', () => {
  it('keeps the meaning and escapes what a terminal acts on', async () => {
    // JSON first: a lone surrogate has no place in either.
    const wellFormed = wild.map((text) => text.toWellFormed());
    await fc.assert(
      fc.asyncProperty(fc.dictionary(wellFormed, wellFormed), async (data) => {
        const yaml = await toYaml(data);
        expect(parse(yaml)).toEqual({ ...data });
        expect(isPrintable(yaml.replaceAll('\n', ''))).toBe(true);
      }),
    );
  });
});

describe('renderTable', () => {
  it('gives every row one line, whatever its cells hold', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(wild, wild)), (rows) => {
        const text = renderTable({ head: ['A', 'B'], rows, isColoured: false });
        expect(text.split('\n')).toHaveLength(rows.length + 2);
      }),
    );
  });
});
