import { describe, expect, it } from 'vitest';
import { randomId } from '../../../src/platform/random-id.ts';

describe('randomId', () => {
  it('is the prefix and 26 characters of lower-case base32', () => {
    for (let i = 0; i < 200; i += 1) expect(randomId('ses_')).toMatch(/^ses_[a-z2-7]{26}$/);
  });

  it('does not repeat and uses every letter', () => {
    const ids = Array.from({ length: 2_000 }, () => randomId(''));
    expect(new Set(ids).size).toBe(ids.length);
    expect(new Set(ids.join('')).size).toBe(32);
  });
});
