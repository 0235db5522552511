import type { Audit } from '../audit/audit.ts';
import type { CertificateSigner } from '../backend/certificate-signer.ts';
import type { IdentityVerifier, RunIdentity } from '../identity/identity.ts';
import { jwksFromFile } from '../identity/jwks-sources.ts';
import { createKeySet } from '../identity/keys.ts';
import { createRunVerifier } from '../identity/runs/run-verifier.ts';
import type { SlurmCertificate } from '../identity/runs/slurm-name.ts';
import { createNodeEnrolment, type NodeEnrolment } from '../lease/runs/node-enrolment.ts';
import { createRunRegistry, type RunRegistry } from '../lease/runs/run-registry.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { PolicySource } from '../policy/policy-source.ts';
import type { SlurmTrust } from '../rpc/run-service.ts';
import type { BrokerConfig } from './config.ts';
import { measuredIdentity } from './measure.ts';

/** What serves batch runs. */
export interface Runs extends AsyncDisposable {
  readonly registry: RunRegistry;
  readonly clusters: readonly SlurmTrust[];
  /** Undefined where nodes get their certificates elsewhere. */
  readonly enrolment: NodeEnrolment | undefined;
  readonly verifierOf: (certificate: SlurmCertificate | undefined) => IdentityVerifier<RunIdentity>;
}

const keyCooldownMs = 5_000;
const keyRefreshMs = 60_000;

/** Undefined when the configuration names no batch cluster. */
export function openRuns(options: {
  readonly config: BrokerConfig;
  readonly ledger: Ledger;
  readonly policy: PolicySource;
  readonly audit: Audit;
  readonly signer: CertificateSigner;
  readonly serves: () => boolean;
  readonly now: () => number;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}): Runs | undefined {
  const { config, clock, log, metrics } = options;
  if (config.slurm === undefined) return undefined;
  const events = measuredIdentity(metrics);
  const clusters = config.slurm.map((cluster): SlurmTrust => {
    const load = jwksFromFile({ path: cluster.keys.file });
    const intervals = { cooldownMs: keyCooldownMs, refreshMs: keyRefreshMs };
    return { cluster, keys: createKeySet({ cluster: cluster.name, load, clock, log, events, ...intervals }) };
  });
  const registry = createRunRegistry({ ...options, clusters: config.slurm });
  const names = new Set(config.slurm.map(({ name }) => name));
  const authority = config.nodes?.enrolment;
  return {
    registry,
    clusters,
    enrolment:
      authority === undefined
        ? undefined
        : createNodeEnrolment({
            ...options,
            clusters: names,
            trustDomain: config.trustDomain,
            authority,
            admitNode: (node) => registry.known.admitNode(node),
          }),
    verifierOf: createRunVerifier({
      runs: registry.known,
      trustDomain: config.trustDomain,
      clusters: names,
      now: () => clock.now(),
    }),
    [Symbol.asyncDispose]: async () => {
      for (const { keys } of clusters) keys.close();
      await registry[Symbol.asyncDispose]();
    },
  };
}
