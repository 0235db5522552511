import type { Clock } from '../platform/clock.ts';

/** The largest value of late: seen in the last second, or at most two before it. */
export interface Lately {
  note(value: number): void;
  largest(): number;
}

const windowMs = 1_000;

export function createLately(options: { readonly clock: Clock }): Lately {
  const { clock } = options;
  let last = 0;
  let current = 0;
  let previous = 0;
  let endsAt = clock.monotonic() + windowMs;
  const roll = () => {
    const now = clock.monotonic();
    if (now < endsAt) return;
    previous = now < endsAt + windowMs ? current : last;
    current = last;
    endsAt = now + windowMs;
  };
  return {
    note: (value) => {
      roll();
      last = value;
      current = Math.max(current, value);
    },
    largest: () => {
      roll();
      return Math.max(previous, current);
    },
  };
}
