import type { Clock } from '../../src/platform/clock.ts';
import { type ErrorCode, hasCode, LeaseholdError } from '../../src/platform/error.ts';
import type { Log } from '../../src/platform/log.ts';
import { createBackoff } from '../backoff.ts';

/** Nothing that a broker could believe, or act on: the run is none of this node's, not known, or over. */
const pointless = [
  'credential_wrong_workload',
  'node_other_key',
  'workload_ended',
  'workload_terminating',
  'workload_unknown',
] as const satisfies readonly ErrorCode[];
const final = [...pointless, 'credential_malformed', 'credential_unknown_issuer', 'request_invalid'] as const;

/** Tells a broker, until one has taken it or refused it for good, that a run goes without its files here. */
export interface SayUndelivered {
  /** Once. */
  say(code: ErrorCode): void;
  /** The run is over here: there is nothing to say any more. */
  stop(): void;
}

export function createSayUndelivered(options: {
  /** Whether the job is to be cancelled. */
  readonly tell: (code: ErrorCode, signal: AbortSignal) => Promise<boolean>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}): SayUndelivered {
  const { clock, log } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const isStopped = () => signal.aborted;

  async function sayUntilTaken(code: ErrorCode): Promise<void> {
    const backoff = createBackoff({ firstMs: 2_000, capMs: 30_000, random: options.random });
    while (!isStopped()) {
      try {
        const cancels = await options.tell(code, signal);
        log.info('the broker knows that the run goes without its files here', { code, cancels });
        return;
      } catch (error) {
        if (isStopped()) return;
        log.warn(
          'the broker could not be told that the run goes without its files',
          {},
          LeaseholdError.from(error),
        );
        if (hasCode(error, ...final)) return;
      }
      await clock.sleep(backoff.next(), signal).catch(() => undefined);
    }
  }

  return {
    say: (code) => {
      if (!pointless.some((one) => one === code)) void sayUntilTaken(code);
    },
    stop: () => stopping.abort(),
  };
}
