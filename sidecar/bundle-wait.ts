import type { Clock } from '../src/platform/clock.ts';

/** What a bundle waits for: the answer to what it has asked, and the time for what comes next. */
export interface BundleWait {
  /** Something has been asked; calls `onSilence` when nothing answers in time. */
  answer(): void;
  answered(): void;
  /** In place of whatever was waited for. */
  next(ms: number, work: () => void): void;
  /** Nothing comes next. */
  nothing(): void;
}

const answerTimeoutMs = 90_000;

export function createBundleWait(options: {
  readonly clock: Clock;
  readonly onSilence: () => void;
}): BundleWait {
  const { clock, onSilence } = options;
  let cancelAnswer: () => void = () => undefined;
  let cancelNext: () => void = () => undefined;
  return {
    answer: () => {
      cancelAnswer();
      cancelAnswer = clock.after(answerTimeoutMs, onSilence);
    },
    answered: () => cancelAnswer(),
    next: (ms, work) => {
      cancelAnswer();
      cancelNext();
      cancelNext = clock.after(ms, work);
    },
    nothing: () => cancelNext(),
  };
}
