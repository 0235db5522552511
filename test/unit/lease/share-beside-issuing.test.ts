import { describe, expect, it } from 'vitest';
import { createShareBesideIssuing } from '../../../src/lease/share-beside-issuing.ts';
import { createManualClock } from '../backend/manual-clock.ts';

function start(issuing: number) {
  const clock = createManualClock();
  const share = createShareBesideIssuing({ clock, admission: { busiest: () => issuing }, slots: 32 });
  const begun = (count: number) => Array.from({ length: count }, () => clock.monotonic());
  return { clock, share, begun };
}

describe('revocations beside new sessions', () => {
  it('have all slots when no session is being made', () => {
    const { share, begun } = start(0);
    expect(share.room([])).toBe(32);
    expect(share.room(begun(32))).toBe(0);
  });

  it('leave four slots for each session that is being made, while those are few', () => {
    expect([1, 2, 4, 7].map((issuing) => start(issuing).share.room([]))).toEqual([28, 24, 16, 4]);
  });

  it('are one for each five sessions that are being made, while those are many, and never none', () => {
    const many = start(16);
    expect(many.share.room([])).toBe(3);
    expect(many.share.room(many.begun(3))).toBe(0);
    expect(start(8).share.room([])).toBe(1);
    expect(start(1_000).share.room([])).toBe(32);
  });

  it('have no room when more are under way than their share, as when sessions begin to be made', () => {
    const { share, begun } = start(16);
    expect(share.room(begun(32))).toBeLessThanOrEqual(0);
  });

  it('of an engine that does not answer hold up no others, until they have all slots', () => {
    const { clock, share, begun } = start(8);
    const hanging = begun(1);
    expect(share.room(hanging)).toBe(0);
    clock.advance(3_000);
    expect(share.room(hanging)).toBe(1);
    const many = begun(31);
    clock.advance(3_000);
    expect(share.room(many)).toBe(1);
  });
});
