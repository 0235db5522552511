import { createVaultBackend } from '../backend/vault/vault-backend.ts';
import { createClusters } from '../identity/clusters.ts';
import { joinStates } from '../identity/workload-states.ts';
import type { Advertised } from '../lease/replicas.ts';
import type { LeaseSettings } from '../lease/settings.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { createMetrics } from '../platform/metrics.ts';
import { createPolicyStore } from '../policy/policy-store.ts';
import { createRpcServer } from '../rpc/server.ts';
import type { BrokerConfig } from './config.ts';
import {
  measuredAudit,
  measuredBackend,
  measuredIdentity,
  measuredLedger,
  registerGauges,
} from './measure.ts';
import { openRuns } from './open-runs.ts';
import { openLedger } from './open-ledger.ts';
import { startAudit } from './start-audit.ts';
import { startEngine } from './start-engine.ts';
import { openStatusEndpoint } from './status-endpoint.ts';
import { whyNotServing } from './why-not-serving.ts';

/** A broker that serves. */
export interface RunningBroker {
  /** host:port of each listener. */
  readonly workloads: string;
  readonly admin: string;
  /** Undefined without such a listener. */
  readonly nodes: string | undefined;
  readonly http: string;
  /** Lets what is under way end, within the configured time. */
  drain(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

function advertised({ replica }: BrokerConfig): Advertised {
  const { workloads, nodes } = replica.advertise;
  return {
    ...(workloads === undefined ? {} : { pod: workloads }),
    ...(nodes === undefined ? {} : { run: nodes }),
  };
}

/** Builds everything by hand, in the order in which parts need each other, and closes it in the reverse order. */
export async function composeBroker(options: {
  readonly config: BrokerConfig;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<RunningBroker> {
  const { config, clock, log } = options;
  const stopped = new AbortController();
  await using building = new AsyncDisposableStack();
  const metrics = building.use(createMetrics());
  const measuring = { metrics, clock };
  const ledger = measuredLedger(
    building.use(await openLedger(config.ledger, { clock, log, signal: stopped.signal })),
    measuring,
  );
  // Before the audit log: a ledger that has to catch up with it puts work in, which is due by the backend's clock.
  const backend = measuredBackend(
    building.use(await createVaultBackend({ config: config.backend.vault, clock, log })),
    measuring,
  );
  const audit = measuredAudit(
    building.use(
      await startAudit({
        config: config.audit,
        replica: config.replica.name,
        ledger,
        metrics,
        now: () => backend.now(),
        clock,
        log,
        signal: stopped.signal,
      }),
    ),
    measuring,
  );
  const policy = building.use(
    await createPolicyStore({
      file: config.policy.file,
      clock,
      log,
      signal: stopped.signal,
      onReload: async ({ ok, revision }) => {
        metrics.count('policyReloads', { result: ok ? 'ok' : 'refused' });
        await audit.record({
          action: 'policy_reload',
          outcome: ok ? 'ok' : 'failed',
          actor: 'broker',
          ...(ok ? {} : { code: 'config_invalid' as const }),
          policyRevision: revision,
        });
      },
    }),
  );
  const clusters = building.use(
    createClusters({
      trustDomain: config.trustDomain,
      clusters: config.clusters,
      clock,
      log,
      events: measuredIdentity(metrics),
      random: Math.random,
    }),
  );
  let serves = (): boolean => false;
  const runs = building.use(
    openRuns({
      config,
      ledger,
      policy,
      audit,
      signer: backend,
      serves: () => serves(),
      now: () => backend.now(),
      clock,
      log,
      metrics,
    }),
  );
  const states = runs === undefined ? clusters.states : joinStates(clusters.states, runs.registry.states);
  const { engine, admission } = await startEngine({
    ledger,
    backend,
    policy,
    states,
    audit,
    clock,
    log,
    admission: config.admission,
    advertised: advertised(config),
    settings: { allowLongLeases: config.backend.allowLongLeases, ...canarySettings(config.backend) },
    onEvent: (event) => metrics.count('leaseEvents', { event }),
    onAdmitted: (seconds) => metrics.observe('admissionWaitSeconds', seconds, {}),
    signal: stopped.signal,
  });
  building.use(engine);
  registerGauges(metrics, { ledger, engine, admission, clusters, backend });
  const rpc = building.use(
    await createRpcServer({
      workloads: config.workloads,
      admin: config.admin,
      ...(config.nodes === undefined || runs === undefined
        ? {}
        : { nodes: { ...config.nodes, verifierOf: runs.verifierOf, runs: { ...runs, policy } } }),
      trustDomain: config.trustDomain,
      verifier: clusters.verifier,
      sessions: engine.sessions,
      sessionAdmin: engine.admin,
      ...(runs?.enrolment === undefined ? {} : { enrolment: runs.enrolment }),
      audit,
      clock,
      log,
      metrics,
    }),
  );
  const whyNot = () => whyNotServing({ engine, audit });
  serves = () => whyNot() === undefined;
  const sayServing = () => rpc.setServing(whyNot() === undefined);
  engine.whenCutOffChanges(sayServing);
  audit.nameLost.addEventListener('abort', sayServing);
  sayServing();
  const http = building.use(
    await openStatusEndpoint({
      listen: config.http.listen,
      metrics,
      clusters,
      whyNotServing: whyNot,
      log,
    }),
  );
  const owned = building.move();
  return {
    workloads: rpc.workloads,
    admin: rpc.admin,
    nodes: rpc.nodes,
    http: http.address,
    drain: () => rpc.drain(AbortSignal.timeout(config.drainSeconds * 1000)),
    [Symbol.asyncDispose]: async () => {
      // Requests of the engine's own that still wait for the backend give up; nothing is half done by that.
      stopped.abort();
      await owned.disposeAsync();
    },
  };
}

function canarySettings({ canary }: BrokerConfig['backend']): Pick<LeaseSettings, 'canary'> {
  if (canary === undefined) return {};
  const { intervalSeconds, paths } = canary;
  return { canary: { intervalMs: intervalSeconds * 1000, ...(paths === undefined ? {} : { paths }) } };
}
