import type { Ledger, Work, WorkKind } from '../ledger/ledger.ts';
import type { Clock } from '../platform/clock.ts';
import { hasCode } from '../platform/error.ts';
import type { Log } from '../platform/log.ts';
import { newTrace, withTrace } from '../platform/trace.ts';
import { createLostClaims } from './lost-claims.ts';

/** Does one item; resolves with when to do it again, or undefined when it is done. */
export type WorkHandler = (subject: string) => Promise<number | undefined>;

export interface WorkLoop {
  /** Look for due items now. */
  wake(): void;
  /** Claims nothing more; resolves when what runs has ended. */
  stop(): Promise<void>;
}

export interface WorkLoopOptions {
  readonly ledger: Pick<Ledger, 'claimWork' | 'finishWork' | 'nextWorkAt' | 'releaseLostClaims'>;
  readonly owner: string;
  /** What this loop takes; others are another loop's. */
  readonly kinds: readonly WorkKind[];
  readonly handlers: Readonly<Record<WorkKind, WorkHandler>>;
  /** How many items are handled at once. */
  readonly concurrency: number;
  /** How many more may begin now, of at most `concurrency`, when those that began at these times (monotonic) are under way; undefined: as many as fit. */
  readonly room?: (begun: Iterable<number>) => number | undefined;
  readonly now: () => number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Longest pause between two looks at the ledger; other replicas put work there too. */
const idleMs = 1_000;
/** Between looks while there is no room; an item that ends looks at once. */
const crowdedMs = 250;
/** Between looks while something is due that another replica has to do. */
const othersPauseMs = 100;
/** How long an item stays another's to wait for when its owner dies without a word. */
const claimMs = 180_000;
/** After a handler threw, which its own retries should have prevented. */
const failedPauseMs = 5_000;
/** Between tries to put an item back, and their bound. */
const firstFinishPauseMs = 250;
const longestFinishPauseMs = 10_000;

/** One item that is being handled here. */
interface Running {
  readonly kind: WorkKind;
  readonly subject: string;
  /** It came a second time: it was put again, or its claim ran out. */
  again: Work | undefined;
}

/**
 * Takes due work items from the ledger and hands them to their handlers, a bounded number at once and each only once at a time. Holds no list
 * of its own: what it forgets by dying is claimed again by whoever comes.
 */
export function startWorkLoop(options: WorkLoopOptions): WorkLoop {
  const { ledger, clock, log, kinds } = options;
  /** Each with when it began. */
  const tasks = new Map<Promise<void>, number>();
  const running = new Map<string, Running>();
  const lostClaims = createLostClaims({ ...options, claimMs, known: () => running.values() });
  const stopping = new AbortController();
  const isStopped = () => stopping.signal.aborted;
  let looking: Promise<void> | undefined;
  let lookAgain = false;
  let cancelTimer: () => void = () => undefined;

  const room = () => options.room?.(tasks.values()) ?? options.concurrency - tasks.size;

  const handle = async (work: Work): Promise<number | undefined> => {
    try {
      const dueAt = await options.handlers[work.kind](work.subject);
      return dueAt === undefined ? undefined : Math.round(dueAt);
    } catch (error) {
      if (isStopped() && hasCode(error, 'cancelled')) return work.dueAt;
      log.error('work item failed', { kind: work.kind, subject: work.subject }, error);
      return options.now() + failedPauseMs;
    }
  };

  const finish = async (work: Work, dueAt: number | undefined): Promise<void> => {
    for (let pause = firstFinishPauseMs; ; pause = Math.min(pause * 2, longestFinishPauseMs)) {
      try {
        await ledger.finishWork(dueAt === undefined ? { work } : { work, dueAt });
        return;
      } catch (error) {
        log.error('work item could not be put back and is tried again', { kind: work.kind }, error);
      }
      // Without this the item would wait for the end of its claim, and a renewal has not that much time.
      await clock.sleep(pause, stopping.signal).catch(() => undefined);
      if (isStopped()) return;
    }
  };

  const run = async (first: Work): Promise<void> => {
    const key = `${first.kind}\n${first.subject}`;
    const own: Running = { kind: first.kind, subject: first.subject, again: undefined };
    running.set(key, own);
    let work = first;
    for (;;) {
      const dueAt = await handle(work);
      const again = takeAgain(own);
      // Another due time: it was put again, so it is meant to be done again. The same: only its claim ran out.
      if (again === undefined || again.dueAt === work.dueAt || isStopped()) {
        await finish(again ?? work, dueAt);
        work = takeAgain(own) ?? first;
        if (work === first) break;
      } else work = again;
    }
    running.delete(key);
  };

  const begin = (work: Work): void => {
    const found = running.get(`${work.kind}\n${work.subject}`);
    if (found !== undefined) {
      found.again = work;
      return;
    }
    // One of its own, whoever woke the loop: the item may be anybody's.
    const task = withTrace(newTrace(), () => run(work)).finally(() => {
      tasks.delete(task);
      wake();
    });
    tasks.set(task, clock.monotonic());
  };

  /** Returns how long to wait before the next look. */
  const claim = async (): Promise<number> => {
    const limit = room();
    if (limit <= 0) {
      await lostClaims.release();
      return crowdedMs;
    }
    const now = options.now();
    const claimed = await ledger
      .claimWork({
        owner: options.owner,
        now,
        claimUntil: now + claimMs,
        limit,
        kinds,
        heldHere: true,
      })
      .catch((error: unknown) => {
        lostClaims.note();
        throw error;
      });
    if (isStopped()) {
      // Whoever comes next need not wait for the claim.
      await Promise.all(claimed.map((work) => finish(work, work.dueAt)));
      return idleMs;
    }
    for (const work of claimed) begin(work);
    // After an answer: while the ledger is away, one question in vain is enough.
    await lostClaims.release();
    if (claimed.length === limit) return 0;
    const next = await ledger.nextWorkAt({ kinds });
    if (next === undefined) return idleMs;
    const pause = next - options.now();
    // What is due and was not given is another replica's.
    return Math.min(idleMs, pause > 0 ? pause : othersPauseMs);
  };

  /** Returns how long to wait before the next one. */
  const look = async (): Promise<number> => {
    cancelTimer();
    try {
      return await claim();
    } catch (error) {
      log.error('the ledger cannot be asked for work', {}, error);
      return idleMs;
    }
  };

  const wake = (): void => {
    if (isStopped()) return;
    if (looking !== undefined) {
      lookAgain = true;
      return;
    }
    looking = look().then((pause) => {
      // Before the timer is set: one that fired while a look still counted as under way would be the last.
      looking = undefined;
      // With all slots taken, the next one that ends looks again.
      if (!isStopped() && tasks.size < options.concurrency)
        cancelTimer = clock.after(lookAgain ? 1 : Math.max(pause, 1), () => wake());
      lookAgain = false;
    });
  };

  wake();
  return {
    wake,
    stop: async () => {
      stopping.abort();
      cancelTimer();
      await looking;
      await Promise.all(tasks.keys());
    },
  };
}

function takeAgain(own: Running): Work | undefined {
  const { again } = own;
  own.again = undefined;
  return again;
}
