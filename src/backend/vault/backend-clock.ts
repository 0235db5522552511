import type { Clock } from '../../platform/clock.ts';

/** An estimate of the backend's wall clock. */
export interface BackendClock {
  /** Milliseconds since the Unix epoch; never goes back. The local clock before the first reply. */
  now(): number;
  /** Takes the Date header of a trustworthy reply and the monotonic time at which it was read. */
  observe(date: string | undefined, receivedAt: number): void;
}

/** A jump forward of more than this is believed only when several replies in a row agree. */
const plausibleJumpMs = 60_000;
const agreeingReplies = 3;

/**
 * A Date header is cut to the second and was written before it was read, so each reply gives a lower bound of the
 * backend's time; the largest bound is the best estimate, and it is never ahead. One reply with a date far in the future
 * would end every session at once, so such a jump has to be repeated.
 */
export function createBackendClock(options: { readonly clock: Clock }): BackendClock {
  const { clock } = options;
  /** Backend time minus local monotonic time. */
  let offset: number | undefined;
  let suspects: number[] = [];
  let latest = 0;

  return {
    now: () => {
      const estimate = offset === undefined ? clock.now() : Math.floor(clock.monotonic() + offset);
      latest = Math.max(latest, estimate);
      return latest;
    },
    observe: (date, receivedAt) => {
      const stamped = date === undefined ? NaN : Date.parse(date);
      if (!Number.isFinite(stamped)) return;
      const bound = stamped - receivedAt;
      const current = offset ?? clock.now() - clock.monotonic();
      if (bound > current + plausibleJumpMs) {
        suspects.push(bound);
        if (suspects.length < agreeingReplies) return;
        offset = Math.min(...suspects);
      } else offset = offset === undefined ? bound : Math.max(offset, bound);
      suspects = [];
    },
  };
}
