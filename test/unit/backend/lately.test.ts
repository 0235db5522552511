import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLately } from '../../../src/backend/lately.ts';
import { createManualClock } from './manual-clock.ts';

describe('the largest value of late', () => {
  it('outlives the moment, and is forgotten two seconds after the last', () => {
    const clock = createManualClock();
    const lately = createLately({ clock });
    lately.note(7);
    lately.note(0);
    expect(lately.largest()).toBe(7);
    clock.advance(999);
    expect(lately.largest()).toBe(7);
    clock.advance(1_001);
    expect(lately.largest()).toBe(0);
  });

  it('is what stands still, however long nothing changes', () => {
    const clock = createManualClock();
    const lately = createLately({ clock });
    lately.note(3);
    clock.advance(60_000);
    expect(lately.largest()).toBe(3);
    clock.advance(1_500);
    expect(lately.largest()).toBe(3);
  });

  it('is never less than the largest of the last second, nor more than of the last three and what stood before', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 3_000 }), fc.nat({ max: 50 })), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(steps, (all) => {
        const clock = createManualClock();
        const lately = createLately({ clock });
        const noted: { readonly at: number; readonly value: number }[] = [
          { at: clock.monotonic(), value: 0 },
        ];
        for (const [wait, value] of all) {
          clock.advance(wait);
          noted.push({ at: clock.monotonic(), value });
          lately.note(value);
          const now = clock.monotonic();
          const since = (ms: number) => noted.filter(({ at }) => now - at < ms).map((one) => one.value);
          const stood = noted.findLast(({ at }) => now - at >= 3_000)?.value ?? 0;
          expect(lately.largest()).toBeGreaterThanOrEqual(Math.max(...since(1_000)));
          expect(lately.largest()).toBeLessThanOrEqual(Math.max(stood, ...since(3_001)));
        }
      }),
    );
  });
});
