import type { Audit } from '../audit/audit.ts';
import type { Admission } from '../backend/admission.ts';
import type { Backend } from '../backend/backend.ts';
import type { Clusters } from '../identity/clusters.ts';
import type { IdentityEvents } from '../identity/identity-events.ts';
import { canaryOutcomes } from '../lease/canary/canary.ts';
import type { LeaseEngine } from '../lease/engine.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Clock } from '../platform/clock.ts';
import type { Metrics } from '../platform/metrics.ts';
import { timed } from './timed.ts';

interface Measuring {
  readonly metrics: Metrics;
  readonly clock: Clock;
}

export function measuredBackend<B extends Backend>(backend: B, { metrics, clock }: Measuring): B {
  return timed(backend, {
    clock,
    onCall: ({ method, seconds, code }) => {
      metrics.count('backendCalls', { call: method, code });
      metrics.observe('backendSeconds', seconds, { call: method });
    },
  });
}

export function measuredLedger(ledger: Ledger, { metrics, clock }: Measuring): Ledger {
  return timed(ledger, { clock, onCall: ({ seconds }) => metrics.observe('ledgerSeconds', seconds, {}) });
}

export function measuredAudit<A extends Audit>(audit: A, { metrics, clock }: Measuring): A {
  return timed(audit, {
    clock,
    onCall: ({ seconds, code }) => {
      metrics.observe('auditSeconds', seconds, {});
      if (code !== 'ok') metrics.count('auditFailures', {});
    },
  });
}

export function measuredIdentity(metrics: Metrics): IdentityEvents {
  return {
    keysFetched: (cluster, code) => metrics.count('keyFetches', { cluster, code }),
    podLookedUp: (cluster, code) => metrics.count('podLookups', { cluster, code }),
    podsListed: () => undefined,
    watchEnded: () => undefined,
  };
}

/** What is read when somebody scrapes. */
export function registerGauges(
  metrics: Metrics,
  parts: {
    readonly ledger: Ledger;
    readonly engine: LeaseEngine;
    readonly admission: Admission;
    readonly clusters: Clusters;
    readonly backend: Pick<Backend, 'now'>;
  },
): void {
  const { ledger, engine, admission, clusters, backend } = parts;
  metrics.gauge('sessions', async () =>
    Object.entries((await ledger.count()).sessions).map(([state, value]) => ({ value, labels: { state } })),
  );
  metrics.gauge('credentials', async () =>
    Object.entries((await ledger.count()).credentials).map(([settlement, value]) => ({
      value,
      labels: { settlement },
    })),
  );
  metrics.gauge('oldestOutstandingSeconds', async () => {
    const { oldestOutstandingAt } = await ledger.count();
    const value =
      oldestOutstandingAt === undefined ? 0 : Math.max(0, (backend.now() - oldestOutstandingAt) / 1000);
    return [{ value, labels: {} }];
  });
  metrics.gauge('outstandingCredentials', async () =>
    (await ledger.listOutstanding()).map(({ path, count }) => ({ value: count, labels: { path } })),
  );
  metrics.gauge('outstandingPathSeconds', async () =>
    (await ledger.listOutstanding()).map(({ path, since }) => ({
      value: Math.max(0, (backend.now() - since) / 1000),
      labels: { path },
    })),
  );
  metrics.gauge('canaryOutcome', () =>
    engine.canaries
      .known()
      .flatMap(({ path, outcome }) =>
        canaryOutcomes.map((one) => ({ value: one === outcome ? 1 : 0, labels: { path, outcome: one } })),
      ),
  );
  metrics.gauge('canaryPassed', () =>
    engine.canaries
      .known()
      .flatMap(({ path, passedAt }) =>
        passedAt === undefined ? [] : [{ value: passedAt / 1000, labels: { path } }],
      ),
  );
  metrics.gauge('workItems', async () => [{ value: (await ledger.count()).work, labels: {} }]);
  metrics.gauge('cutOff', () => {
    const code = engine.cutOffFrom();
    return [
      { value: code === 'ledger_unavailable' ? 1 : 0, labels: { from: 'ledger' } },
      { value: code === 'backend_unavailable' ? 1 : 0, labels: { from: 'backend' } },
      { value: code === 'audit_unavailable' ? 1 : 0, labels: { from: 'audit' } },
    ];
  });
  metrics.gauge('holders', () => [{ value: engine.hub.streams(), labels: {} }]);
  metrics.gauge('admissionRunning', () => [{ value: admission.depth().running, labels: {} }]);
  metrics.gauge('admissionWaiting', () => [{ value: admission.depth().waiting, labels: {} }]);
  metrics.gauge('watchAgeSeconds', () =>
    clusters
      .status()
      // Before the first list there is no age; a scraper must not read one.
      .filter(({ watchAgeSeconds }) => Number.isFinite(watchAgeSeconds))
      .map(({ name, watchAgeSeconds }) => ({ value: watchAgeSeconds, labels: { cluster: name } })),
  );
  metrics.gauge('memoryBytes', () => {
    const { rss, heapUsed, external } = process.memoryUsage();
    return Object.entries({ rss, heapUsed, external }).map(([kind, value]) => ({ value, labels: { kind } }));
  });
}
