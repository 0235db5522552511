import type { Ledger } from '../ledger/ledger.ts';
import type { Parts } from './parts.ts';

/** Calls revocations back from where a failing path has sent them. */
export interface ProbeWork {
  /** The queue of a path may go again. */
  open(path: string): void;
  /** A probe for each path that is due for one, and the next part of each queue that goes. */
  tick(): Promise<void>;
  /** The next tick calls so many back to a path that has room for them. */
  recallSome(path: string, count: number): void;
  /** The next tick calls back everything. */
  recall(): void;
  /** Names what should have gone long ago. */
  report(): Promise<void>;
}

/** Of one path at each tick: about what a backend takes in that time, and little enough for the ledger. */
const drainedAtOnce = 1_000;
const overdueMs = 300_000;

export function createProbeWork(
  parts: Pick<Parts, 'backend' | 'log' | 'wake' | 'pathProbes'> & {
    readonly ledger: Pick<Ledger, 'hastenRevocations' | 'listOutstanding'>;
  },
): ProbeWork {
  const opened = new Set<string>();
  const wanted = new Map<string, number>();
  let isBegun = false;
  const hasten = (path: string, limit: number) =>
    parts.ledger.hastenRevocations({ path, at: parts.backend.now(), limit });
  return {
    open: (path) => void opened.add(path),
    recallSome: (path, count) => void wanted.set(path, count),
    recall: () => void (isBegun = false),
    tick: async () => {
      let called = 0;
      if (!isBegun) {
        // An earlier life, or another replica, may have sent revocations away.
        for (const { path } of await parts.ledger.listOutstanding()) opened.add(path);
        isBegun = true;
      }
      for (const path of opened) {
        const moved = await hasten(path, drainedAtOnce);
        if (moved < drainedAtOnce) opened.delete(path);
        called += moved;
      }
      for (const [path, count] of wanted) called += await hasten(path, Math.min(count, drainedAtOnce));
      wanted.clear();
      for (const path of parts.pathProbes.due()) called += await hasten(path, 1);
      if (called > 0) parts.wake();
    },
    report: async () => {
      const now = parts.backend.now();
      for (const { path, count, since, why } of await parts.ledger.listOutstanding()) {
        if (now - since < overdueMs) continue;
        const oldestSeconds = Math.round((now - since) / 1000);
        parts.log.error('what was revoked is not confirmed gone', { path, count, oldestSeconds, why });
      }
    },
  };
}
