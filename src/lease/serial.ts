/** Runs tasks of one key one after the other; tasks of different keys are independent. */
export interface Serial {
  run<T>(key: string, task: () => Promise<T>): Promise<T>;
}

export function createSerial(): Serial {
  const tails = new Map<string, Promise<unknown>>();
  return {
    run: (key, task) => {
      const before = tails.get(key) ?? Promise.resolve();
      // The outcome of the task before is its own caller's business.
      const result = before.then(task, task);
      const tail = result.then(
        () => undefined,
        () => undefined,
      );
      tails.set(key, tail);
      void tail.then(() => {
        if (tails.get(key) === tail) tails.delete(key);
      });
      return result;
    },
  };
}

/** Key of everything that changes what a workload holds of a bundle. */
export function holdKey(workload: string, bundle: string): string {
  return `${workload}\n${bundle}`;
}
