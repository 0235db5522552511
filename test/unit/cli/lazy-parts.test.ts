import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

describe('src/main.ts', () => {
  it('imports nothing of ours before it knows the part, so that a sidecar stays small', () => {
    const text = readFileSync(join(import.meta.dirname, '..', '..', '..', 'src', 'main.ts'), 'utf8');
    const imported = [...text.matchAll(/^import .* from '([^']+)'/gm)].map(([, specifier]) => specifier);
    expect(imported.filter((specifier) => specifier?.startsWith('node:') !== true)).toEqual([]);
  });
});
