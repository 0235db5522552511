import type { ErrorCode } from '../platform/error.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { AuditEvent } from './audit.ts';
import { peerNetwork } from './peer-network.ts';

/** Refusals of callers that proved nothing, or only which node they are, under a fixed budget: nobody can fill the disk from outside. */
export interface Strangers {
  record(event: AuditEvent): Promise<void>;
  /** Writes the summaries that are due. Never throws. */
  close(): Promise<void>;
}

interface Counted {
  readonly code: ErrorCode | undefined;
  /** The network of the peer; for a proved node, that node. */
  readonly from: Pick<AuditEvent, 'peer' | 'node'>;
  count: number;
}

const windowMs = 60_000;
/** Of strangers. */
const defaultKinds = 50;

/**
 * A kind is a code and the network of the peer, or the node that a certificate has proved. In each window: at most `kindsPerWindow` records by
 * themselves, and one summary more than that; what comes after is only counted, all together.
 */
export function createStrangers(options: {
  readonly record: (event: AuditEvent) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  /** Default: that of strangers. */
  readonly kindsPerWindow?: number;
}): Strangers {
  const { kindsPerWindow = defaultKinds } = options;
  let kinds = new Map<string, Counted>();
  const others: Counted = { code: undefined, from: {}, count: 0 };
  let cancel: (() => void) | undefined;

  const summarise = async (): Promise<void> => {
    cancel?.();
    cancel = undefined;
    const due = [...kinds.values(), others].flatMap((counted) => {
      const { code, from, count } = counted;
      counted.count = 0;
      return count === 0 ? [] : [{ code, from, count }];
    });
    kinds = new Map();
    // All at once, so that they share writes, and a log that hangs is waited for once and not a thousand times.
    const written = await Promise.allSettled(
      due.map(({ code, from, count }) =>
        options.record({
          action: 'refused_summary',
          outcome: 'refused',
          ...(code === undefined ? {} : { code }),
          ...from,
          count,
        }),
      ),
    );
    const failed = written.find((one) => one.status === 'rejected');
    if (failed === undefined) return;
    let count = 0;
    for (const [index, one] of due.entries()) if (written[index]?.status === 'rejected') count += one.count;
    // Not lost: the next window's summary has them.
    others.count += count;
    open();
    options.log.error('refusals of strangers could not be summed up', { count }, failed.reason);
  };

  const open = () => {
    cancel ??= options.clock.after(windowMs, () => void summarise());
  };

  return {
    record: async (event) => {
      const from = originOf(event);
      const kind = [event.code, from.node, from.peer].join('\n');
      open();
      const known = kinds.get(kind) ?? (kinds.size < kindsPerWindow ? undefined : others);
      if (known !== undefined) {
        known.count += 1;
        return;
      }
      const first: Counted = { code: event.code, from, count: 0 };
      kinds.set(kind, first);
      try {
        await options.record(event);
      } catch (error) {
        first.count += 1;
        throw error;
      }
    },
    close: async () => {
      await summarise();
      cancel?.();
    },
  };
}

/** A node's own budget follows it to whatever address it calls from. */
function originOf({ peer, node }: AuditEvent): Pick<AuditEvent, 'peer' | 'node'> {
  if (node !== undefined) return { node };
  return peer === undefined ? {} : { peer: peerNetwork(peer) };
}
