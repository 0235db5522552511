import { afterEach, describe, expect, it, vi } from 'vitest';
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

  describe('at another time', () => {
    afterEach(() => vi.useRealTimers());

    it('comes after all that were made before, so that an index grows at its end', () => {
      const times = [0, 31, 32, 1_800_000_000_000, 1_800_000_000_001, 1_800_000_000_032, 32 ** 9 - 1];
      vi.useFakeTimers({ toFake: ['Date'] });
      const ids = times.map((time) => {
        vi.setSystemTime(time);
        return randomId('ses_');
      });
      expect(ids.toSorted()).toEqual(ids);
      expect(new Set(ids.map((id) => id.length))).toEqual(new Set([30]));
    });
  });
});
