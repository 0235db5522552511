import type { Clock } from '../../platform/clock.ts';

/** An estimate of the backend's wall clock. */
export interface BackendClock {
  /**
   * Milliseconds since the Unix epoch; never goes back, but for once: before the first reply the local clock stands in,
   * and it may be ahead.
   */
  now(): number;
  /** Takes the Date header of a trustworthy reply and the monotonic time at which it was read. */
  observe(date: string | undefined, receivedAt: number): void;
}

/** A jump forward of more than this is believed only when several replies in a row agree. */
const plausibleJumpMs = 60_000;
const agreeingReplies = 3;

/** How long a bound counts: local time drifts, and a backend's clock may be set back. */
const windowMs = 10 * 60_000;

/**
 * A Date header is cut to the second and was written before it was read, so each reply gives a lower bound of the
 * backend's time; the largest bound of the last minutes is the best estimate, and it is never ahead. One reply with a
 * date far in the future would end every session at once, so such a jump has to be repeated.
 */
export function createBackendClock(options: { readonly clock: Clock }): BackendClock {
  const { clock } = options;
  /** Bounds of backend time minus local monotonic time: of this window and the one before. */
  let current: number | undefined;
  let previous: number | undefined;
  let windowStartedAt = 0;
  let suspects: number[] = [];
  let latest = 0;

  const offset = () => {
    if (current === undefined || previous === undefined) return current ?? previous;
    return Math.max(current, previous);
  };
  const accept = (bound: number, receivedAt: number) => {
    if (offset() === undefined) latest = 0;
    if (current !== undefined && receivedAt - windowStartedAt >= windowMs) {
      previous = current;
      current = undefined;
    }
    if (current === undefined) windowStartedAt = receivedAt;
    current = Math.max(current ?? bound, bound);
    suspects = [];
  };

  return {
    now: () => {
      const known = offset();
      const estimate = known === undefined ? clock.now() : Math.floor(clock.monotonic() + known);
      latest = Math.max(latest, estimate);
      return latest;
    },
    observe: (date, receivedAt) => {
      const stamped = date === undefined ? NaN : Date.parse(date);
      if (!Number.isFinite(stamped)) return;
      const bound = stamped - receivedAt;
      const believed = offset() ?? clock.now() - clock.monotonic();
      if (bound <= believed + plausibleJumpMs) {
        accept(bound, receivedAt);
        return;
      }
      suspects.push(bound);
      if (suspects.length >= agreeingReplies) accept(Math.min(...suspects), receivedAt);
    },
  };
}
