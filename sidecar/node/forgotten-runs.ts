import type { Clock } from '../../src/platform/clock.ts';
import type { Log } from '../../src/platform/log.ts';
import type { NodeRun } from './node-run.ts';

const everyMs = 1_800_000;
/** Rarely of one that lives, and few at a time: each look is a stream and a record of the audit log, and every node of a cluster looks. */
const againMs = 12 * 3_600_000;
const mostAlive = 8;

/**
 * Ends the runs whose epilog never came and which have no stream on which a broker could say that they are over: those with nothing, and those that have
 * failed. Left alone, their markers would fill the memory of the node until no job could start there.
 *
 * A look goes on as long as it finds runs that are over.
 */
export function endForgottenRuns(options: {
  readonly runs: () => Iterable<Pick<NodeRun, 'endIfOver'>>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}): AsyncDisposable {
  const { clock, random, log } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  /** When it was alive; on the clock that never jumps. */
  const seenAlive = new WeakMap<object, number>();

  async function look(): Promise<void> {
    let alive = 0;
    for (const run of [...options.runs()]) {
      if (signal.aborted || alive === mostAlive) return;
      if (clock.monotonic() - (seenAlive.get(run) ?? -Infinity) < againMs) continue;
      if ((await run.endIfOver(signal)) !== 'alive') continue;
      seenAlive.set(run, clock.monotonic());
      alive += 1;
    }
  }

  const looking = (async () => {
    while (!signal.aborted) {
      await clock.sleep(everyMs * (1 - random() / 2), signal).catch(() => undefined);
      await look().catch((error: unknown) => {
        log.error('runs without an epilog could not be looked for', {}, error);
      });
    }
  })();

  return {
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await looking;
    },
  };
}
