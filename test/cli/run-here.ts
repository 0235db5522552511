import { runCli } from '../../src/cli/run-cli.ts';
import type { Sink } from '../../src/cli/stdio.ts';
import { systemClock } from '../../src/platform/clock.ts';
import type { Clock } from '../../src/platform/clock.ts';
import { createdAtMs } from './samples.ts';
import type { Transcript } from './run-leasehold.ts';

export interface HereOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** On a terminal, with the lines that the person types; undefined: no terminal. */
  readonly typed?: readonly string[];
  readonly signal?: AbortSignal;
  readonly clock?: Partial<Clock>;
  /** Called with each text on standard output. */
  readonly onOutput?: (text: string) => void;
  /** Called with each text on standard error. */
  readonly onWords?: (text: string) => void;
}

/** Runs a command line in this process, so that a test can be the person at the terminal. */
export async function runHere(argv: readonly string[], options: HereOptions = {}): Promise<Transcript> {
  const isTerminal = options.typed !== undefined;
  const answers = [...(options.typed ?? [])];
  let stdout = '';
  let stderr = '';
  const out: Sink = {
    isTerminal,
    write: (text) => {
      stdout += text;
      options.onOutput?.(text);
    },
  };
  const err: Sink = {
    isTerminal,
    write: (text) => {
      stderr += text;
      options.onWords?.(text);
    },
  };
  const status = await runCli(argv, {
    stdio: {
      out,
      err,
      canAsk: isTerminal,
      ask: async (question) => {
        err.write(question);
        return answers.shift();
      },
    },
    env: options.env ?? {},
    homeFolder: '/no-such-home',
    // Ten minutes after the sample session began; the pauses between two tries take no time.
    clock: {
      ...systemClock,
      now: () => createdAtMs + 600_000,
      sleep: async () => undefined,
      ...options.clock,
    },
    random: () => 0,
    interrupted: options.signal ?? new AbortController().signal,
  });
  return { stdout, stderr, status };
}
