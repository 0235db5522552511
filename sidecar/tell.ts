import type { Clock } from '../src/platform/clock.ts';
import type { Log } from '../src/platform/log.ts';
import type { Backoff } from './backoff.ts';
import type { BundleConfig } from './config.ts';
import type { Counters } from './counters.ts';
import { notify } from './notify.ts';

/**
 * Tells the program of a change. True when the generation may be acknowledged: it was told, or the site does not make
 * that a condition. False when the signal ended the attempts.
 */
export async function tellProgram(options: {
  readonly config: Pick<BundleConfig, 'name' | 'notify' | 'requireAck'>;
  readonly number: number;
  readonly clock: Clock;
  readonly backoff: Backoff;
  readonly counters: Counters;
  readonly log: Log;
  readonly signal: AbortSignal;
}): Promise<boolean> {
  const { config, number, clock, signal } = options;
  for (;;) {
    try {
      await notify(config.notify, { bundle: config.name, number }, signal);
      return true;
    } catch (error) {
      options.counters.add('notification_failures_total');
      options.log.warn('the program could not be told of the change', {}, error);
      if (!config.requireAck) return !signal.aborted;
    }
    try {
      await clock.sleep(1_000 + options.backoff.next(), signal);
    } catch {
      return false;
    }
  }
}
