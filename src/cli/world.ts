import type { Clock } from '../platform/clock.ts';
import type { Stdio } from './stdio.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Everything outside of the program that a command may touch. */
export interface World {
  readonly stdio: Stdio;
  readonly env: Environment;
  readonly homeFolder: string;
  readonly clock: Clock;
  /** Between 0 and 1, for the spread of retries. */
  readonly random: () => number;
  /** Aborts when the person presses Ctrl-C. */
  readonly interrupted: AbortSignal;
}
