import type { SessionKey } from '../ledger/ledger.ts';

/** Runs tasks of one key in turns; tasks of different keys are independent. */
export interface Serial {
  /** Alone: after all that was called before for this key, and before all that is called later. */
  run<T>(key: string, task: () => Promise<T>): Promise<T>;
  /** Side by side with other shared tasks, and never with one that runs alone; in the same order otherwise. */
  share<T>(key: string, task: () => Promise<T>): Promise<T>;
  /** Whether a task of that key is under way or waits. */
  isTaken(key: string): boolean;
}

/** What a later task waits for; neither rejects. */
interface Turns {
  /** The last one that runs alone. */
  readonly alone: Promise<void>;
  /** Every task. */
  readonly all: Promise<void>;
}

export function createSerial(): Serial {
  const last = new Map<string, Turns>();
  const nobody: Turns = { alone: Promise.resolve(), all: Promise.resolve() };
  const remember = (key: string, turns: Turns): void => {
    last.set(key, turns);
    void turns.all.then(() => {
      if (last.get(key) === turns) last.delete(key);
    });
  };
  // The outcome of a task is its own caller's business.
  const ended = (result: Promise<unknown>): Promise<void> =>
    result.then(
      () => undefined,
      () => undefined,
    );
  return {
    run: (key, task) => {
      const result = (last.get(key) ?? nobody).all.then(task);
      const end = ended(result);
      remember(key, { alone: end, all: end });
      return result;
    },
    share: (key, task) => {
      const { alone, all } = last.get(key) ?? nobody;
      const result = alone.then(task);
      remember(key, { alone, all: Promise.all([all, ended(result)]).then(() => undefined) });
      return result;
    },
    isTaken: (key) => last.has(key),
  };
}

/** Key of everything that changes what a workload, or one of its nodes, holds of a bundle. */
export function holdKey({ workload, bundle, node }: SessionKey): string {
  return `${workload}\n${bundle}\n${node}`;
}
