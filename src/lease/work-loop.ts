import type { Ledger, Work, WorkKind } from '../ledger/ledger.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';

/** Does one item; resolves with when to do it again, or undefined when it is done. */
export type WorkHandler = (subject: string) => Promise<number | undefined>;

export interface WorkLoop {
  /** Look for due items now. */
  wake(): void;
  /** Claims nothing more; resolves when what runs has ended. */
  stop(): Promise<void>;
}

/** Longest pause between two looks at the ledger; other replicas put work there too. */
const idleMs = 1_000;
/** Longer than the longest handler: a dynamic read may take the backend's whole request limit. */
const claimMs = 180_000;
/** After a handler threw, which its own retries should have prevented. */
const failedPauseMs = 5_000;

/**
 * Takes due work items from the ledger and hands them to their handlers, a bounded number at once. Holds no list of its own:
 * what it forgets by dying is claimed again by whoever comes.
 */
export function startWorkLoop(options: {
  readonly ledger: Ledger;
  readonly owner: string;
  readonly handlers: Readonly<Record<WorkKind, WorkHandler>>;
  readonly concurrency: number;
  readonly now: () => number;
  readonly clock: Clock;
  readonly log: Log;
}): WorkLoop {
  const running = new Set<Promise<void>>();
  let stopped = false;
  const isStopped = () => stopped;
  let looking = false;
  let lookAgain = false;
  let cancelTimer: () => void = () => undefined;

  const handle = async (work: Work): Promise<void> => {
    let dueAt: number | undefined;
    try {
      dueAt = await options.handlers[work.kind](work.subject);
    } catch (error) {
      options.log.error('work item failed', { kind: work.kind, subject: work.subject }, error);
      dueAt = options.now() + failedPauseMs;
    }
    try {
      await options.ledger.finishWork(dueAt === undefined ? { work } : { work, dueAt: Math.round(dueAt) });
    } catch (error) {
      // The claim runs out and the item is handled again; every handler bears that.
      options.log.error('work item could not be put back', { kind: work.kind }, error);
    }
  };

  const look = async (): Promise<void> => {
    if (looking || isStopped()) {
      lookAgain = true;
      return;
    }
    looking = true;
    cancelTimer();
    let pause = idleMs;
    try {
      const limit = options.concurrency - running.size;
      if (limit > 0) {
        const now = options.now();
        const claimed = await options.ledger.claimWork({
          owner: options.owner,
          now,
          claimUntil: now + claimMs,
          limit,
        });
        for (const work of claimed) {
          const task = handle(work).finally(() => {
            running.delete(task);
            void look();
          });
          running.add(task);
        }
        if (claimed.length === limit) pause = 0;
        else {
          const next = await options.ledger.nextWorkAt();
          if (next !== undefined) pause = Math.min(idleMs, Math.max(0, next - options.now()));
        }
      }
    } catch (error) {
      options.log.error('the ledger cannot be asked for work', {}, error);
    } finally {
      looking = false;
    }
    if (isStopped()) return;
    if (lookAgain) {
      lookAgain = false;
      pause = 0;
    }
    // With all slots taken, the next one that ends looks again.
    if (running.size < options.concurrency) {
      cancelTimer = options.clock.after(Math.max(pause, 1), () => void look());
    }
  };

  void look();
  return {
    wake: () => void look(),
    stop: async () => {
      stopped = true;
      cancelTimer();
      await Promise.all(running);
    },
  };
}
