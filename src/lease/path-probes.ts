import type { Clock } from '../platform/clock.ts';

/**
 * Revocations at an engine path that fails are not all tried again and again: one at a time is, as a probe, at least every `retryMaxMs`. The
 * first one that succeeds opens the path, and its whole queue goes.
 */
export interface PathProbes {
  /** Undefined: go, and say afterwards how it went. Else how long to stay away unless called earlier, milliseconds. */
  enter(path: string, attempt: Attempt): number | undefined;
  succeeded(path: string, attempt: Attempt): void;
  failed(path: string, attempt: Attempt): void;
  /** Neither: it was not the path's doing. */
  left(path: string, attempt: Attempt): void;
  /** Paths whose probe is due while none is under way. */
  due(): readonly string[];
}

export interface Attempt {
  /** Of the credential. */
  readonly id: string;
  /** How often it was tried before. */
  readonly attempts: number;
}

/**
 * So many different credentials have to fail in succession: a single one that can never be revoked (its statement fails for that user alone)
 * holds up nobody else.
 */
const closesAfter = 3;
/** Longest stay away without being called: another replica may have found the path open. */
const longestAwayMs = 120_000;

interface Path {
  readonly failed: Set<string>;
  failures: number;
  nextProbeAt: number;
  lastFailedAt: number;
  probe: string | undefined;
}

export function createPathProbes(options: {
  readonly clock: Clock;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** 0 to 1. */
  readonly random: () => number;
  /** The queue of a path may go again. */
  readonly onOpen: (path: string) => void;
}): PathProbes {
  const { clock, retryMinMs, retryMaxMs, random } = options;
  const paths = new Map<string, Path>();
  const isClosed = ({ failed }: Path) => failed.size >= closesAfter;
  const leave = (path: string, { id }: Attempt): Path | undefined => {
    const found = paths.get(path);
    if (found?.probe === id) found.probe = undefined;
    return found;
  };

  return {
    enter: (path, { id, attempts }) => {
      const found = paths.get(path);
      if (found === undefined || !isClosed(found)) return undefined;
      const now = clock.monotonic();
      // What was never tried may be the one that works, and it has the shortest patience.
      const mayProbe = now >= found.nextProbeAt || (attempts === 0 && now - found.lastFailedAt >= retryMinMs);
      if (found.probe !== undefined || !mayProbe) return retryMaxMs + random() * (longestAwayMs - retryMaxMs);
      found.probe = id;
      return undefined;
    },
    succeeded: (path, attempt) => {
      const found = leave(path, attempt);
      if (found === undefined) return;
      paths.delete(path);
      if (isClosed(found)) options.onOpen(path);
    },
    failed: (path, attempt) => {
      const found = leave(path, attempt) ?? {
        failed: new Set(),
        failures: 0,
        nextProbeAt: 0,
        lastFailedAt: 0,
        probe: undefined,
      };
      paths.set(path, found);
      if (!isClosed(found)) found.failed.add(attempt.id);
      const pause = Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(found.failures, 20));
      found.failures += 1;
      found.lastFailedAt = clock.monotonic();
      found.nextProbeAt = found.lastFailedAt + pause * (0.5 + random() / 2);
    },
    left: (path, attempt) => void leave(path, attempt),
    due: () => {
      const now = clock.monotonic();
      return [...paths]
        .filter(([, found]) => isClosed(found) && found.probe === undefined && now >= found.nextProbeAt)
        .map(([path]) => path);
    },
  };
}
