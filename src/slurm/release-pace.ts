import type { JobName } from './scheduler.ts';

/**
 * How many held jobs may be released now. That a broker answers does not say that it registers: with a full audit disk, or an old copy of the signer's
 * keys, each job would get its nodes, fail to register, and be held again, all of them in turn and without end. So after trouble one job goes
 * first, twice as many at each further comparison while no word comes of them (they may wait for nodes), and all once a registration has succeeded.
 */
export interface ReleasePace {
  /** Those that may go now, of these, which stand in the order of their turns. */
  choose(names: readonly JobName[]): readonly JobName[];
  /** So many of the chosen went. */
  released(count: number): void;
  /** A registration was tried in vain, and the job is held. */
  held(name: JobName): void;
  /** A registration was tried in vain. */
  failed(): void;
  /** True when nothing had succeeded since the last one that was in vain. */
  succeeded(name: JobName): boolean;
}

const firstMs = 5_000;
const capMs = 300_000;
/** One that was not held again for so long begins anew. */
const forgetMs = 3_600_000;

/** Nothing of it outlives the signer: after a restart nothing has succeeded yet. */
export function createReleasePace(options: {
  readonly monotonic: () => number;
  /** 0 up to but not including 1. */
  readonly random: () => number;
}): ReleasePace {
  const { monotonic, random } = options;
  /** Half of it at random, so that jobs and clusters that failed together do not come back together. */
  const pause = (times: number) =>
    Math.min(firstMs * 2 ** Math.min(times - 1, 20), capMs) * (1 - random() / 2);
  let isTrusted = false;
  let quota = 1;
  let isProbing = false;
  let probesInVain = 0;
  let nextProbe = 0;
  /** Jobs that were held: one whose own names cannot be looked up would go round with each success of the others. */
  const before = new Map<JobName, { readonly times: number; readonly at: number; readonly until: number }>();

  const failed = () => {
    if (isProbing) {
      probesInVain += 1;
      nextProbe = monotonic() + pause(probesInVain);
    }
    isProbing = false;
    isTrusted = false;
    quota = 1;
  };

  return {
    choose: (names) => {
      const now = monotonic();
      for (const [name, { at }] of before) if (now - at > forgetMs) before.delete(name);
      if (!isTrusted && now < nextProbe) return [];
      const due = names.filter((name) => (before.get(name)?.until ?? 0) <= now);
      return isTrusted ? due : due.slice(0, quota);
    },
    released: (count) => {
      if (isTrusted || count === 0) return;
      isProbing = true;
      quota = Math.min(quota * 2, 1_000_000);
    },
    held: (name) => {
      const now = monotonic();
      const times = (before.get(name)?.times ?? 0) + 1;
      before.set(name, { times, at: now, until: times === 1 ? now : now + pause(times - 1) });
    },
    failed,
    succeeded: (name) => {
      before.delete(name);
      const isFirst = !isTrusted;
      isTrusted = true;
      isProbing = false;
      probesInVain = 0;
      nextProbe = 0;
      return isFirst;
    },
  };
}
