import type { Clock } from './clock.ts';
import { LeaseholdError } from './error.ts';
import type { Log } from './log.ts';
import { readSmallFile } from './small-file.ts';

/** Content of all files, in the order of their names. */
export type FileContents = readonly Buffer[];

export interface StableRead {
  readonly files: readonly string[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Of one file. */
  readonly maxBytes: number;
}

/** Pause between the two readings, and how often they may differ. */
const settleMs = 100;
const maxReadings = 20;

/**
 * All files as they are together: read, and read again until two readings in a row are the same, so that neither a half-written file nor
 * a certificate of one version with a key of another passes. Follows links, as a kubelet's volumes need.
 * Throws `config_invalid` when a file cannot be read, is too large, or never comes to rest; `cancelled`.
 */
export async function readStable(options: StableRead): Promise<FileContents> {
  let before = await readAll(options);
  for (let reading = 1; reading < maxReadings; reading += 1) {
    await options.clock.sleep(settleMs, options.signal);
    const now = await readAll(options);
    if (now.every((content, index) => before[index]?.equals(content) === true)) return now;
    before = now;
  }
  throw new LeaseholdError('config_invalid', {
    detail: `${options.files.join(', ')}: does not stop changing`,
  });
}

function readAll({ files, maxBytes }: StableRead): Promise<FileContents> {
  return Promise.all(files.map((file) => readSmallFile(file, { maxBytes })));
}

export interface Reload extends StableRead {
  readonly log: Log;
  /** Pause between two looks. */
  readonly intervalMs: number;
  /** What is in force now, as it was read. */
  readonly initial: FileContents;
  /** Other content than at the call before (or than `initial`); called once for it, whatever comes of it. Must not throw. */
  readonly onChange: (contents: FileContents) => Promise<void> | void;
  /** The files cannot be read; called once until they can be again or the reason is another. Must not throw. */
  readonly onUnreadable: (error: LeaseholdError) => Promise<void> | void;
}

export interface Reloader extends AsyncDisposable {
  /** Looks now. Looks never overlap. */
  check(): Promise<void>;
}

/**
 * Looks at files on an interval. Looking at the content itself, rather than at events or times of change, is what works everywhere: a
 * kubelet swaps a link two levels up, network file systems send no events, and copies can keep their times.
 */
export function createReloader(options: Reload): Reloader {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  let last = options.initial;
  let lastTrouble: string | undefined;
  let looking = Promise.resolve();

  const look = async (): Promise<void> => {
    try {
      const first = await readAll(options);
      lastTrouble = undefined;
      if (isSame(first, last)) return;
      const contents = await readStable({ ...options, signal });
      if (isSame(contents, last)) return;
      last = contents;
      await options.onChange(contents);
    } catch (error) {
      const trouble = LeaseholdError.from(error);
      if (signal.aborted || trouble.detail === lastTrouble) return;
      lastTrouble = trouble.detail;
      await options.onUnreadable(trouble);
    }
  };
  const check = (): Promise<void> => (looking = looking.then(look, look));

  const run = async (): Promise<void> => {
    for (;;) {
      await options.clock.sleep(options.intervalMs, signal);
      await check();
    }
  };
  const running = run().catch((error: unknown) => {
    if (!signal.aborted) options.log.error('watching files has ended', { files: options.files }, error);
  });

  return {
    check,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
      await looking.catch(() => undefined);
    },
  };
}

function isSame(a: FileContents, b: FileContents): boolean {
  return a.length === b.length && a.every((content, index) => b[index]?.equals(content) === true);
}
