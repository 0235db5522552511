import type { Canaries } from './canary/canaries.ts';
import type { Follow } from './follow.ts';
import type { GoneHolders } from './gone-holders.ts';
import type { Parts } from './parts.ts';
import type { ProbeWork } from './probe-work.ts';
import { createStaticRefresh } from './static-refresh.ts';
import { createStreamSweep, endWorkload, type GrantSweep, sweepTombstones, sweepWorkloads } from './sweep.ts';

/** What goes on by itself at intervals, beside the work that the ledger holds. Owner of its timers; `stop` waits for what runs. */
export function startBackground(
  parts: Parts,
  {
    grants,
    goneHolders,
    follow,
    probes,
    canaries,
    isDraining,
  }: {
    readonly grants: GrantSweep;
    readonly goneHolders: GoneHolders;
    readonly follow: Follow;
    readonly probes: ProbeWork;
    readonly canaries: Canaries;
    readonly isDraining: () => boolean;
  },
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  const track = (name: string, task: () => Promise<void>) => {
    const promise = task()
      .catch((error: unknown) => parts.log.error('background work failed', { name }, error))
      .finally(() => running.delete(promise));
    running.add(promise);
  };
  const every = async (ms: number, name: string, task: () => Promise<void>) => {
    while (!stopping.signal.aborted) {
      try {
        await parts.clock.sleep(ms * (0.9 + parts.random() * 0.2), stopping.signal);
      } catch {
        return;
      }
      try {
        await task();
      } catch (error) {
        parts.log.error('background work failed', { name }, error);
      }
    }
  };

  const statics = createStaticRefresh(parts, { start: (task) => track('static refresh', task) });

  const sweepStreams = createStreamSweep(parts);
  const unsubscribeStates = parts.states.subscribe((workload, state) => {
    if (state.phase === 'ended') track('workload end', () => endWorkload(parts, workload));
  });
  const unsubscribePolicy = parts.policy.subscribe(() => track('grant sweep', () => grants.sweep()));
  track('workload sweep', () =>
    every(parts.settings.sweepMs, 'workload sweep', async () => {
      sweepStreams();
      await sweepWorkloads(parts);
      await grants.retry();
    }),
  );
  track('first answer of the backend', () =>
    every(parts.settings.retryMinMs, 'first answer of the backend', async () => {
      if (parts.identity.hasAnswered()) return;
      await parts.identity.check();
      parts.wake();
    }),
  );
  track('backend identity', () =>
    every(parts.settings.sweepMs, 'backend identity', () => parts.identity.check()),
  );
  track('probes', () => every(parts.settings.retryMinMs, 'probes', () => probes.tick()));
  track('canaries', () =>
    every(parts.settings.retryMinMs, 'canaries', async () => {
      if (!isDraining()) await canaries.tick();
    }),
  );
  track('overdue revocations', () => every(60_000, 'overdue revocations', () => probes.report()));
  track('gone holders', () => every(parts.settings.sweepMs, 'gone holders', () => goneHolders.detach()));
  track('gone holders again', () =>
    every(parts.settings.retryMinMs, 'gone holders again', () => goneHolders.retry()),
  );
  track('records of ends', () =>
    every(parts.settings.retryMinMs, 'records of ends', () => parts.endRecords.settle()),
  );
  track('ends of other brokers', () => parts.endRecords.recordOthers());
  track('ends of other brokers again', () =>
    every(parts.settings.sweepMs, 'ends of other brokers', () => parts.endRecords.recordOthers()),
  );
  track('other replicas', () => every(parts.settings.sweepMs, 'other replicas', () => follow.sweep()));
  track('detachments', () =>
    every(parts.settings.retryMinMs, 'detachments', () => parts.detachments.retry()),
  );
  track('static refresh', () => every(1_000, 'static refresh', async () => statics.tick()));
  track('pruning', () =>
    every(3_600_000, 'pruning', async () => {
      const endedBefore = parts.backend.now() - parts.settings.keepEndedMs;
      while (!stopping.signal.aborted && (await parts.ledger.prune({ endedBefore, limit: 500 })) >= 500);
      await sweepTombstones(parts);
    }),
  );

  return {
    stop: async () => {
      unsubscribeStates();
      unsubscribePolicy();
      stopping.abort();
      await Promise.all(running);
    },
  };
}
