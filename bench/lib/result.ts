/** One line of a benchmark's report. */
export interface BenchResult {
  /** Benchmark and figure, for example `ledger.commits`. */
  readonly figure: string;
  readonly value: number;
  readonly unit: string;
  /** What it was measured against in the same run. */
  readonly peer?: { readonly name: string; readonly value: number };
  readonly goal?: { readonly text: string; readonly met: boolean };
}

export interface BenchOptions {
  /** Smaller counts, for a look while developing. */
  readonly quick: boolean;
  /** The longest form, where there is one that takes more than a few minutes. */
  readonly full: boolean;
  /** Words about what is going on. */
  readonly say: (text: string) => void;
}

export type Benchmark = (options: BenchOptions) => Promise<readonly BenchResult[]>;

/** The value below which the share `p` of the sorted samples lies. */
export function percentile(samples: readonly number[], p: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
}

/** Repeats a task until the time is up, a fixed number of them under way at once; tasks per second. */
export async function rate(options: {
  readonly seconds: number;
  readonly concurrency: number;
  readonly task: (index: number) => Promise<void>;
}): Promise<number> {
  const startedAt = performance.now();
  const until = startedAt + options.seconds * 1000;
  let index = 0;
  let done = 0;
  const worker = async () => {
    while (performance.now() < until) {
      index += 1;
      await options.task(index);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, worker));
  return done / ((performance.now() - startedAt) / 1000);
}
