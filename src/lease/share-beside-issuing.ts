import type { Admission } from '../backend/admission.ts';
import type { Clock } from '../platform/clock.ts';

/**
 * How many revocations may be under way. Alone, as many as there are slots. While many sessions are being made, one for each five of those, so
 * that a queue of any length costs new sessions no more than a fifth of what they have without it. While few are, four slots are left for each: a
 * trickle of sessions must not hold up the revocation of thousands.
 */
export interface ShareBesideIssuing {
  /** How many more may begin, when those that began at these times (monotonic, milliseconds) are under way. */
  readonly room: (begun: Iterable<number>) => number;
}

const issuesForEach = 5;
const slotsForEach = 4;
/** What takes longer waits for an engine that does not answer: it takes nothing from anybody, and must not hold up the queues of others. */
const hangsMs = 3_000;

export function createShareBesideIssuing(options: {
  readonly clock: Clock;
  readonly admission: Pick<Admission, 'busiest'>;
  readonly slots: number;
}): ShareBesideIssuing {
  const { clock, admission, slots } = options;
  return {
    room: (begun) => {
      const now = clock.monotonic();
      let all = 0;
      let moving = 0;
      for (const at of begun) {
        all += 1;
        if (now - at < hangsMs) moving += 1;
      }
      const issuing = admission.busiest();
      const share = Math.max(1, Math.floor(issuing / issuesForEach), slots - issuing * slotsForEach);
      return Math.min(slots - all, share - moving);
    },
  };
}
