import type { Clock } from '../platform/clock.ts';
import { LeaseholdError } from '../platform/error.ts';
import { createLately } from './lately.ts';

/** Options of the queue in front of the backend. */
export interface AdmissionOptions {
  /** Tasks that run at the same time; at least 1. */
  readonly concurrency: number;
  /** Tasks that may wait, over all keys; 0 or more. */
  readonly queue: number;
  /** Longest wait of one task, milliseconds; not the time that it runs. */
  readonly maxWaitMs: number;
  readonly clock: Clock;
  /** 0 to 1; spreads the retries of those that were turned away. */
  readonly random?: () => number;
}

/** One bounded queue, fair between keys. */
export interface Admission {
  /**
   * Runs the task when its turn comes and gives its slot back when it settles. Keys take turns, so that one that asks for
   * much delays itself. Throws `overloaded` (with `retryAfterMs`) when there is no room or the wait was too long,
   * `cancelled` when the signal aborts during the wait, `shutting_down` after `close`; the task has then not run. What the
   * task throws passes through; a task that runs sees the signal only if it was given it.
   */
  run<T>(key: string, task: () => Promise<T>, options: { readonly signal: AbortSignal }): Promise<T>;
  depth(): AdmissionDepth;
  /** The most that ran at once of late; see `Lately`. */
  busiest(): number;
  /** Turns away what waits and what still comes. What runs goes on. */
  close(): void;
}

export interface AdmissionDepth {
  readonly running: number;
  readonly waiting: number;
  /** Keys that have something waiting. */
  readonly keys: number;
}

interface Waiter {
  readonly key: string;
  readonly start: () => void;
  readonly refuse: (error: LeaseholdError) => void;
}

/** See `Admission`. */
export function createAdmission(options: AdmissionOptions): Admission {
  const { concurrency, queue, maxWaitMs, clock, random = Math.random } = options;
  if (!Number.isInteger(concurrency) || concurrency < 1)
    throw new TypeError('concurrency is a positive integer');
  if (!Number.isInteger(queue) || queue < 0) throw new TypeError('queue is an integer, 0 or more');

  // Insertion order is the order of turns: the key that was served goes to the end. Sets keep removal cheap.
  const waiting = new Map<string, Set<Waiter>>();
  let waitingCount = 0;
  let running = 0;
  const lately = createLately({ clock });
  const setRunning = (count: number) => {
    running = count;
    lately.note(count);
  };
  let closed = false;

  const overloaded = (detail: string) =>
    new LeaseholdError('overloaded', {
      detail,
      retryAfterMs: Math.ceil(maxWaitMs * (0.5 + random() / 2)),
    });

  const remove = (waiter: Waiter): boolean => {
    const line = waiting.get(waiter.key);
    if (line?.delete(waiter) !== true) return false;
    if (line.size === 0) waiting.delete(waiter.key);
    waitingCount -= 1;
    return true;
  };

  const startNext = (): void => {
    while (running < concurrency) {
      const turn = waiting.entries().next();
      if (turn.done === true) return;
      const [key, line] = turn.value;
      const [waiter] = line;
      waiting.delete(key);
      if (waiter === undefined) continue;
      line.delete(waiter);
      if (line.size > 0) waiting.set(key, line);
      waitingCount -= 1;
      setRunning(running + 1);
      waiter.start();
    }
  };

  /** When full, the newest of the longest line gives way to a key with a shorter one: a flood pays for itself. */
  const makeRoomFor = (key: string): boolean => {
    let longest: Set<Waiter> | undefined;
    for (const line of waiting.values()) if (line.size > (longest?.size ?? 0)) longest = line;
    if (longest === undefined || longest.size <= (waiting.get(key)?.size ?? 0) + 1) return false;
    const newest = [...longest].at(-1);
    if (newest === undefined || !remove(newest)) return false;
    newest.refuse(overloaded('displaced by a key that waits for less'));
    return true;
  };

  const waitForTurn = (key: string, signal: AbortSignal): Promise<void> => {
    if (running < concurrency && waitingCount === 0) {
      setRunning(running + 1);
      return Promise.resolve();
    }
    if (waitingCount >= queue && !makeRoomFor(key)) return Promise.reject(overloaded('the queue is full'));
    return new Promise<void>((resolve, reject) => {
      const settle = () => {
        cancelTimer();
        signal.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        key,
        start: () => {
          settle();
          resolve();
        },
        refuse: (error) => {
          settle();
          reject(error);
        },
      };
      const leave = (error: LeaseholdError) => {
        if (remove(waiter)) waiter.refuse(error);
      };
      const onAbort = () => leave(new LeaseholdError('cancelled'));
      const cancelTimer = clock.after(maxWaitMs, () => leave(overloaded('waited too long')));
      signal.addEventListener('abort', onAbort, { once: true });
      const line = waiting.get(key);
      if (line === undefined) waiting.set(key, new Set([waiter]));
      else line.add(waiter);
      waitingCount += 1;
    });
  };

  return {
    run: async (key, task, { signal }) => {
      if (closed) throw new LeaseholdError('shutting_down');
      if (signal.aborted) throw new LeaseholdError('cancelled');
      await waitForTurn(key, signal);
      try {
        return await task();
      } finally {
        setRunning(running - 1);
        startNext();
      }
    },
    busiest: () => lately.largest(),
    depth: () => ({ running, waiting: waitingCount, keys: waiting.size }),
    close: () => {
      closed = true;
      const all = [...waiting.values()].flatMap((line) => [...line]);
      waiting.clear();
      waitingCount = 0;
      for (const waiter of all) waiter.refuse(new LeaseholdError('shutting_down'));
    },
  };
}
