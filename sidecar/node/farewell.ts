import type { Clock } from '../../src/platform/clock.ts';
import type { HoldCommand } from '../../src/rpc/client/hold-messages.ts';

type Send = (command: HoldCommand) => void;

/** How a broker is told that a run has ended here: on the stream that stands, or else on the next one. */
export interface Farewell {
  /** Gives the broker a moment for what was said on the stream that stands, and closes. */
  lastWords(): Promise<void>;
  /** Says on this stream that these sessions are wiped and released; over when it has outlasted that. */
  say(sessions: readonly string[], through: Send): void;
  /** It was said on this stream already; over when it has outlasted that. */
  after(through: Send): void;
  /** There is nobody left to tell. */
  finish(): void;
}

/** For the broker to take in the last messages: it answers none of them. */
const lastWordsMs = 250;

export function createFarewell(options: {
  readonly clock: Clock;
  /** The stream that stands. */
  readonly stream: () => Send | undefined;
  readonly close: () => Promise<void>;
  /** Nothing has to be known of the run any more. Once. */
  readonly onOver: () => Promise<void>;
}): Farewell {
  const { clock, stream } = options;
  let isFinished = false;
  const pause = () => clock.sleep(lastWordsMs, AbortSignal.timeout(lastWordsMs * 2));

  const farewell: Farewell = {
    lastWords: async () => {
      if (stream() !== undefined) await pause().catch(() => undefined);
      await options.close();
    },
    say: (sessions, through) => {
      for (const session of sessions) {
        through({ kind: 'wiped', session });
        through({ kind: 'release', session });
      }
      farewell.after(through);
    },
    after: (through) => {
      void pause().then(
        () => {
          // Lost in the meantime: the next stream is told again.
          if (stream() === through) farewell.finish();
        },
        () => undefined,
      );
    },
    finish: () => {
      if (isFinished) return;
      isFinished = true;
      void farewell.lastWords().then(options.onOver);
    },
  };
  return farewell;
}
