import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { AuditEvent } from './audit.ts';

/** Refusals of callers that proved nothing, under a fixed budget: nobody can fill the disk from outside. */
export interface Strangers {
  record(event: AuditEvent): Promise<void>;
  close(): Promise<void>;
}

const windowMs = 60_000;
/** Kinds recorded by themselves in a window; what comes after is only counted. */
const kindsPerWindow = 50;

export function createStrangers(options: {
  readonly record: (event: AuditEvent) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}): Strangers {
  let counts = new Map<string, { readonly event: AuditEvent; count: number }>();
  let others = 0;
  let cancel: (() => void) | undefined;

  const summarise = async (): Promise<void> => {
    cancel?.();
    cancel = undefined;
    const ended = counts;
    const uncounted = others;
    counts = new Map();
    others = 0;
    for (const { event, count } of ended.values()) {
      if (count === 0) continue;
      await options.record({
        action: 'refused_summary',
        outcome: 'refused',
        ...(event.code === undefined ? {} : { code: event.code }),
        ...(event.peer === undefined ? {} : { peer: event.peer }),
        count,
      });
    }
    if (uncounted > 0)
      await options.record({ action: 'refused_summary', outcome: 'refused', count: uncounted });
  };

  const later = () => {
    cancel ??= options.clock.after(windowMs, () => {
      summarise().catch((error: unknown) =>
        options.log.error('refusals of strangers could not be summed up', {}, error),
      );
    });
  };

  return {
    record: async (event) => {
      const kind = `${event.code ?? ''}\n${event.peer ?? ''}`;
      const known = counts.get(kind);
      later();
      if (known !== undefined) {
        known.count += 1;
        return;
      }
      if (counts.size >= kindsPerWindow) {
        others += 1;
        return;
      }
      counts.set(kind, { event, count: 0 });
      await options.record(event);
    },
    close: summarise,
  };
}
