import * as z from 'zod';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { keepFile } from './kept-file.ts';
import { createReleasePace } from './release-pace.ts';
import type { JobName, Scheduler } from './scheduler.ts';

/** The jobs that wait for the broker, held in our name. */
export interface HeldJobs {
  /** Once for all components of a heterogeneous job, which Slurm holds as one. */
  hold(name: JobName): Promise<void>;
  /** Asks Slurm what is held, and releases as many as may go now. To be called once in each comparison. */
  release(): Promise<void>;
  /** A job could not be registered. */
  failed(): void;
  /** A job is registered: what is held is released at once. */
  succeeded(name: JobName): void;
}

const heldSchema = z.array(z.string());
/** Longer than any command of a hold takes: between its two, a job has our comment and runs. */
const holdTakesMs = 60_000;

/** Throws `config_invalid` when the file cannot be read. */
export async function openHeldJobs(options: {
  readonly path: string;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  /** 0 up to but not including 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly signal: AbortSignal;
}): Promise<HeldJobs> {
  const { scheduler, clock, log, signal } = options;
  /** By which hold: a job that is held again while an earlier hold is released is a job to release. */
  const held = new Map<JobName, object>();
  /** Held in our name, and by no hold of this signer's, when last looked at. */
  let foreignBefore: ReadonlySet<JobName> = new Set();
  /** Being held now: released in this moment, a job would be held a moment later, for ever. */
  const holding = new Map<JobName, Promise<void>>();
  /** Being let go now. A job may start before that is over, and be held again. */
  const lettingGo = new Map<JobName, Promise<void>>();
  /** With our comment though they run, and since when that is seen. */
  let marked: ReadonlyMap<JobName, number> = new Map();

  const pace = createReleasePace({ monotonic: () => clock.monotonic(), random: options.random });

  const file = keepFile({
    path: options.path,
    schema: heldSchema,
    current: () => [...held.keys()],
  });
  /** What is on disk for sure. */
  let written: string | undefined;
  const write = async (): Promise<void> => {
    const now = [...held.keys()].join();
    if (now === written) return;
    written = undefined;
    await file.write();
    written = now;
  };
  (await file.read())?.forEach((name) => held.set(name, {}));
  written = [...held.keys()].join();

  async function letGo<Value>(names: readonly JobName[], work: () => Promise<Value>): Promise<Value> {
    const done = work();
    const over = done.then(
      () => undefined,
      () => undefined,
    );
    for (const name of names) lettingGo.set(name, over);
    try {
      return await done;
    } finally {
      for (const name of names) if (lettingGo.get(name) === over) lettingGo.delete(name);
    }
  }

  /** What Slurm holds no more, and still says so. A later hold by a person, or by Slurm itself, would be taken for ours. */
  async function disown(found: Awaited<ReturnType<Scheduler['held']>>): Promise<void> {
    const now = clock.monotonic();
    const before = marked;
    const running = [...found].flatMap(([name, is]) => (is === 'running' ? name : []));
    marked = new Map(running.map((name) => [name, before.get(name) ?? now]));
    const isOver = (name: JobName) =>
      found.get(name) === 'free' || now - (marked.get(name) ?? now) >= holdTakesMs;
    const names = [...found.keys()].filter((name) => isOver(name) && !held.has(name) && !holding.has(name));
    if (names.length > 0) await letGo(names, () => scheduler.disown(names, signal));
  }

  /** Released in one command. One job that Slurm will not let go must not keep the others; the next comparison tries again. */
  async function releaseSome(names: readonly JobName[]): Promise<ReadonlySet<JobName>> {
    const kept = await letGo(names, () => scheduler.release(names, signal));
    kept.forEach((why, name) => log.warn('a held job could not be released', { job: name, why }));
    const gone = names.filter((name) => !kept.has(name));
    for (const name of gone) log.info('a held job is released', { job: name });
    pace.released(gone.length);
    return new Set(gone);
  }

  async function pass({ isComparison }: { readonly isComparison: boolean }): Promise<void> {
    if (!isComparison && held.size === 0) return;
    const wasHeld = new Set(held.keys());
    // Chosen before Slurm is asked: what is held meanwhile does not stand in its answer.
    const holds = new Map([...held].filter(([name]) => !holding.has(name)));
    const found = await scheduler.held(signal);
    if (isComparison) {
      const foreign = [...found].flatMap(([name, is]) =>
        is === 'waiting' && !wasHeld.has(name) && !held.has(name) ? name : [],
      );
      // The signer that holds them had its chance since the last comparison: its controller has failed, or it has lost its state.
      for (const name of foreign.filter((one) => foreignBefore.has(one))) {
        const which = {};
        held.set(name, which);
        holds.set(name, which);
      }
      foreignBefore = new Set(foreign);
    }
    const isSame = (name: JobName) => held.get(name) === holds.get(name) && !holding.has(name);
    let waiting = [...holds.keys()].filter((name) => found.get(name) === 'waiting' && isSame(name));
    // What a person has taken over, or cancelled, is that person's.
    for (const name of holds.keys())
      if (isSame(name) && !['waiting', 'ending'].includes(found.get(name) ?? '')) held.delete(name);
    for (;;) {
      const chosen = pace.choose(waiting);
      if (chosen.length === 0) break;
      const gone = await releaseSome(chosen);
      for (const name of gone) if (held.get(name) === holds.get(name)) held.delete(name);
      if (gone.size > 0) break;
      waiting = waiting.filter((name) => !chosen.includes(name));
    }
    if (isComparison) await disown(found);
    await write();
  }

  /** One after the other. */
  let passing: Promise<void> = Promise.resolve();
  const release = (how: { readonly isComparison: boolean }): Promise<void> => {
    passing = passing.catch(() => undefined).then(() => pass(how));
    return passing;
  };

  return {
    hold: async (name) => {
      const underWay = holding.get(name);
      if (underWay !== undefined) return underWay;
      const started = (async () => {
        // Last of all, as the one that was tried last.
        held.delete(name);
        held.set(name, {});
        pace.held(name);
        // Written first: a job that is held and forgotten waits for two comparisons more, one that is not held loses nothing here.
        await write().catch((error: unknown) => {
          // Of all that could go wrong the least: a job that starts without its secrets fails.
          log.warn('a job is held without a note of it', { job: name }, error);
        });
        // The comment of its release, coming after that of this hold, would make a job that nobody releases.
        await lettingGo.get(name);
        await scheduler.hold(name, signal);
      })().finally(() => holding.delete(name));
      holding.set(name, started);
      return started;
    },
    release: () => release({ isComparison: true }),
    failed: () => pace.failed(),
    succeeded: (name) => {
      if (!pace.succeeded(name)) return;
      release({ isComparison: false }).catch((error: unknown) => {
        if (!signal.aborted) log.warn('held jobs could not be released yet', {}, error);
      });
    },
  };
}
