import * as z from 'zod';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { keepFile } from './kept-file.ts';
import type { JobName, Scheduler } from './scheduler.ts';

/** The jobs that wait for the broker, held in our name. */
export interface HeldJobs {
  /** Once for all components of a heterogeneous job, which Slurm holds as one. */
  hold(name: JobName): Promise<void>;
  /** Asks Slurm what is held, and releases it. */
  release(): Promise<void>;
}

const heldSchema = z.array(z.string());
/** Longer than any command of a hold takes: between its two, a job has our comment and runs. */
const holdTakesMs = 60_000;

/** Throws `config_invalid` when the file cannot be read. */
export async function openHeldJobs(options: {
  readonly path: string;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
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

  const file = keepFile({
    path: options.path,
    schema: heldSchema,
    current: () => [...held.keys()],
  });
  (await file.read())?.forEach((name) => held.set(name, {}));

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

  return {
    hold: async (name) => {
      const underWay = holding.get(name);
      if (underWay !== undefined) return underWay;
      const started = (async () => {
        // Written first: a job that is held and forgotten would wait for ever, one that is not held loses nothing here.
        held.set(name, {});
        await file.write();
        // The comment of its release, coming after that of this hold, would make a job that nobody releases.
        await lettingGo.get(name);
        await scheduler.hold(name, signal);
      })().finally(() => holding.delete(name));
      holding.set(name, started);
      return started;
    },
    release: async () => {
      // Chosen before Slurm is asked: what is held meanwhile does not stand in its answer.
      const holds = [...held].filter(([name]) => !holding.has(name));
      const found = await scheduler.held(signal);
      const foreign = [...found].flatMap(([name, is]) => (is === 'waiting' && !held.has(name) ? name : []));
      // The signer that holds them had its chance since the last comparison: its controller has failed, or it has lost its state.
      const orphans = foreign.filter((name) => foreignBefore.has(name));
      foreignBefore = new Set(foreign);
      // What a person has taken over, or cancelled, is that person's.
      const ours = holds.flatMap(([name]) => (found.get(name) === 'waiting' ? name : []));
      const waiting = [...ours, ...orphans];
      if (holds.length + waiting.length > 0) {
        // One job that Slurm will not let go must not keep the others; the next comparison tries again.
        const kept = await letGo(waiting, () => scheduler.release(waiting, signal));
        kept.forEach((why, name) => log.warn('a held job could not be released', { job: name, why }));
        for (const name of waiting) if (!kept.has(name)) log.info('a held job is released', { job: name });
        for (const [name, which] of holds) {
          if (found.get(name) === 'ending' || kept.has(name)) continue;
          if (held.get(name) === which) held.delete(name);
        }
        await file.write();
      }
      await disown(found);
    },
  };
}
