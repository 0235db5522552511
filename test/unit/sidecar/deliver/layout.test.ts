import fc from 'fast-check';
import { normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkLayout, pathProblem } from '../../../../sidecar/deliver/layout.ts';

const content = { format: 'json', secret: 's' } as const;
const file = (path: string, more: { readonly mode?: number; readonly uid?: number } = {}) => ({
  path,
  mode: 0o440,
  content,
  ...more,
});

describe('checkLayout', () => {
  it.each([
    ['', 'empty'],
    ['/etc/passwd', 'segment'],
    ['../up', 'segment'],
    ['a/../../up', 'segment'],
    ['a//b', 'segment'],
    ['a/', 'segment'],
    ['./a', 'segment'],
    ['..data', 'reserved'],
    ['..1_0123456789abcdef/user', 'reserved'],
    ['sub/..raw', 'reserved'],
    ['generation', 'reserved'],
    ['generation/x', 'reserved'],
    ['a\nb', 'control'],
    ['a\u0000b', 'control'],
    ['a\\b', 'backslash'],
    ['x'.repeat(256), 'too long'],
  ])('refuses the path %j', (path, rule) => {
    expect(pathProblem(path)).toContain(rule);
    expect(() => checkLayout([file(path)])).toThrow(expect.objectContaining({ code: 'delivery_unsafe' }));
  });

  it('refuses set-id bits, wild owners, repeated paths and a file that is also a folder', () => {
    for (const files of [
      [file('a', { mode: 0o4755 })],
      [file('a', { mode: -1 })],
      [file('a', { uid: 2 ** 32 })],
      [file('a'), file('a')],
      [file('a'), file('a/b')],
      Array.from({ length: 257 }, (_, index) => file(`f${index}`)),
    ]) {
      expect(() => checkLayout(files)).toThrow(expect.objectContaining({ code: 'delivery_unsafe' }));
    }
  });

  it('accepts nothing that would resolve to another place than it says', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', '.', '..', '/', '..x', 'b c', '\\')).map((all) => all.join('')),
        (path) => {
          if (pathProblem(path) !== undefined) return;
          expect(normalize(path)).toBe(path);
          expect(path.startsWith('.')).toBe(path.startsWith('.') && !path.startsWith('..'));
          expect(normalize(`/root/${path}`).startsWith('/root/')).toBe(true);
        },
      ),
    );
  });
});
