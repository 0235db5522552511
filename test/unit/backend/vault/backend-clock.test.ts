import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBackendClock } from '../../../../src/backend/vault/backend-clock.ts';
import { createManualClock } from '../manual-clock.ts';

const startAt = Date.UTC(2026, 0, 1);
const header = (ms: number) => new Date(ms).toUTCString();

describe('createBackendClock', () => {
  it('is the local clock until the backend has said something', () => {
    const clock = createManualClock(startAt);
    expect(createBackendClock({ clock }).now()).toBe(startAt);
  });

  it.each([undefined, '', 'soon', '0x10'])('ignores the date %j', (date) => {
    const clock = createManualClock(startAt);
    const backend = createBackendClock({ clock });
    backend.observe(date, clock.monotonic());
    expect(backend.now()).toBe(startAt);
  });

  it('takes the backend’s word over a local clock that is ahead', () => {
    const clock = createManualClock(startAt);
    const backend = createBackendClock({ clock });
    expect(backend.now()).toBe(startAt);
    backend.observe(header(startAt - 3_600_000), clock.monotonic());
    expect(backend.now()).toBe(startAt - 3_600_000);
  });

  it('does not believe one reply from the far future, and follows when replies agree', () => {
    const clock = createManualClock(startAt);
    const backend = createBackendClock({ clock });
    const hour = 3_600_000;
    backend.observe(header(startAt), clock.monotonic());
    backend.observe(header(startAt + 1000 * hour), clock.monotonic());
    expect(backend.now()).toBe(startAt);
    for (let reply = 0; reply < 3; reply += 1) backend.observe(header(startAt + hour), clock.monotonic());
    expect(backend.now()).toBe(startAt + hour);
  });

  it('follows a backend whose clock was set back, after a while, without going back itself', () => {
    const clock = createManualClock(startAt);
    const backend = createBackendClock({ clock });
    let last = 0;
    for (let minute = 0; minute < 60; minute += 1) {
      const truth = clock.now() - (minute < 5 ? 0 : 120_000);
      backend.observe(header(truth), clock.monotonic());
      expect(backend.now()).toBeGreaterThanOrEqual(last);
      last = backend.now();
      clock.advance(60_000);
    }
    expect(clock.now() - 120_000 - backend.now()).toBeLessThanOrEqual(1000);
    expect(backend.now()).toBeLessThanOrEqual(clock.now() - 120_000);
  });

  it('never goes back and is never ahead of the backend, and comes within a second and a reply', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -30_000, max: 30_000 }),
        fc.array(fc.record({ waits: fc.nat(5000), delay: fc.nat(400) }), { minLength: 1, maxLength: 40 }),
        (ahead, replies) => {
          const clock = createManualClock(startAt);
          const backend = createBackendClock({ clock });
          const truth = () => clock.now() + ahead;
          // The first reply comes before anything is asked, as it does in a broker.
          let last = -Infinity;
          for (const { waits, delay } of replies) {
            clock.advance(waits);
            const stamped = truth();
            clock.advance(delay);
            backend.observe(header(stamped), clock.monotonic());
            const estimate = backend.now();
            expect(estimate).toBeLessThanOrEqual(truth());
            expect(estimate).toBeGreaterThan(truth() - 1000 - delay - 1);
            expect(estimate).toBeGreaterThanOrEqual(last);
            last = estimate;
          }
        },
      ),
    );
  });
});
