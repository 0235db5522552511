import type { Clock } from '../src/platform/clock.ts';
import { type ErrorCode, LeaseholdError } from '../src/platform/error.ts';
import type { Log } from '../src/platform/log.ts';
import type { GenerationEvent, OutagePolicy } from '../src/rpc/client/hold-messages.ts';
import { createBackoff } from './backoff.ts';
import type { BundleConfig } from './config.ts';
import type { Counters } from './counters.ts';
import type { Deliverer } from './deliver/deliverer.ts';
import type { KeptState } from './deliver/kept-state.ts';
import { tellProgram } from './tell.ts';

/** The generation whose files are in place. */
export interface Standing {
  readonly session: string;
  readonly generation: string;
  readonly number: number;
}

/** The files of one bundle: what stands, and whether its program knows. Calls must not overlap. */
export interface BundleFiles {
  standing(): Standing | undefined;
  recover(): Promise<KeptState | undefined>;
  /** `incomplete`: it builds on values that are gone. A code: it could not be written, and what stood before stands still. Never throws. */
  put(event: GenerationEvent, session: SessionFacts): Promise<'done' | 'incomplete' | ErrorCode>;
  /** How long to wait before a `put` that failed is tried again. */
  retryMs(): number;
  /** Tries until it has worked; the session whose files are gone, if there were any. Throws `cancelled`. */
  remove(reason: string, signal: AbortSignal): Promise<string | undefined>;
  /** Tells the program if it does not know yet. True when the generation may be acknowledged. */
  tell(signal: AbortSignal): Promise<boolean>;
}

export interface SessionFacts {
  readonly requestKey: string;
  readonly leased: boolean;
  readonly outage: OutagePolicy;
}

export function createBundleFiles(options: {
  readonly config: BundleConfig;
  readonly deliverer: Deliverer;
  readonly clock: Clock;
  readonly random: () => number;
  readonly counters: Counters;
  readonly log: Log;
}): BundleFiles {
  const { config, deliverer, clock, counters, log } = options;
  const backoff = createBackoff({ firstMs: 1_000, capMs: 30_000, random: options.random });
  let standing: Standing | undefined;
  let isTold = true;

  return {
    standing: () => standing,
    recover: async () => {
      const kept = await deliverer.recover();
      if (kept === undefined) return undefined;
      const { session, generation } = kept;
      standing = { session, generation: generation.id, number: generation.number };
      // Whether the process before came to tell the program is not known; where it matters it is told again.
      isTold = !config.requireAck && config.notify.kind !== 'call';
      log.info('files of an earlier process are in place', { session });
      return kept;
    },
    put: async (event, facts) => {
      try {
        const result = await deliverer.deliver({
          ...facts,
          session: event.session,
          generation: event.generation,
          files: config.files ?? event.files,
          secrets: event.secrets,
        });
        if (result.outcome === 'incomplete') {
          standing = undefined;
          return 'incomplete';
        }
        const { id: generation, number } = event.generation;
        standing = { session: event.session, generation, number };
        const isChanged = result.outcome === 'changed';
        if (isChanged) isTold = false;
        counters.add(isChanged ? 'generations_delivered_total' : 'generations_unchanged_total');
        log.info(isChanged ? 'a generation is visible' : 'a generation changed nothing', { ...standing });
        if (result.ownerKept.length > 0) {
          log.warn('this process may not give some files to their owner', { files: result.ownerKept });
        }
        if (!result.swept) log.warn('the generation before could not be removed yet');
        backoff.reset();
        return 'done';
      } catch (error) {
        counters.add('delivery_failures_total');
        log.error('a generation could not be delivered; the one before stays', {}, error);
        return LeaseholdError.from(error).code;
      }
    },
    retryMs: () => 500 + backoff.next(),
    remove: async (reason, signal) => {
      for (;;) {
        try {
          await deliverer.wipe();
          break;
        } catch (error) {
          counters.add('delivery_failures_total');
          log.error('the files could not be removed; trying again', { reason }, error);
          await clock.sleep(500 + backoff.next(), signal);
        }
      }
      backoff.reset();
      const session = standing?.session;
      standing = undefined;
      if (session === undefined) return undefined;
      counters.add('wipes_total');
      log.info('the files of the bundle are removed', { reason, session });
      return session;
    },
    tell: async (signal) => {
      if (isTold || standing === undefined) return standing !== undefined;
      isTold = await tellProgram({ config, number: standing.number, clock, backoff, counters, log, signal });
      return isTold;
    },
  };
}
