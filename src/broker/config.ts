import { dirname, resolve } from 'node:path';
import * as z from 'zod';
import type { ClusterConfig } from '../identity/cluster-config.ts';
import type { SlurmClusterConfig } from '../identity/runs/slurm-cluster.ts';
import { LeaseholdError } from '../platform/error.ts';
import { logLevels } from '../platform/log.ts';
import type { LogLevel } from '../platform/log.ts';
import type { Problem } from '../platform/schema-problem.ts';
import { readSmallFile } from '../platform/small-file.ts';
import { readYamlDocument } from '../platform/yaml-document.ts';
import type { YamlOutcome } from '../platform/yaml-document.ts';
import { auditSchema } from './config-audit.ts';
import type { AuditConfig } from './config-audit.ts';
import { backendSchema } from './config-backend.ts';
import type { BackendConfig } from './config-backend.ts';
import { clustersSchema } from './config-clusters.ts';
import { brokenFiles } from './config-files.ts';
import { ledgerSchema } from './config-ledger.ts';
import type { LedgerConfig } from './config-ledger.ts';
import { listenerShape, sharesAddress } from './config-listeners.ts';
import type { ListenerConfigs } from './config-listeners.ts';
import { replicaSchema } from './config-replica.ts';
import type { ReplicaConfig } from './config-replica.ts';
import { slurmSchema } from './config-slurm.ts';
import { filePath, whole } from './config-values.ts';

/** What broker.yaml says, checked, defaults filled in, every path absolute. It never holds a secret, only names of files. */
export interface BrokerConfig extends ListenerConfigs {
  /** Of all SPIFFE-style ids. */
  readonly trustDomain: string;
  readonly clusters: readonly ClusterConfig[];
  /** Batch clusters. Goes with `nodes`. */
  readonly slurm?: readonly SlurmClusterConfig[];
  readonly policy: { readonly file: string };
  readonly backend: BackendConfig;
  readonly ledger: LedgerConfig;
  readonly replica: ReplicaConfig;
  readonly audit: AuditConfig;
  /** The queue in front of the backend. */
  readonly admission: {
    readonly concurrency: number;
    readonly queue: number;
    readonly maxWaitMs: number;
  };
  readonly log: { readonly level: LogLevel };
  /** Longest time between SIGTERM and the end. */
  readonly drainSeconds: number;
}

const maxBytes = 1_048_576;

/** The schema of broker.yaml; relative paths start at `folder`. */
export const brokerSchema = (folder: string) =>
  z
    .strictObject({
      trustDomain: z
        .string()
        .regex(/^[a-z0-9._-]{1,255}$/, { error: 'must be a SPIFFE trust domain: a-z, 0-9, ., _ and -' }),
      ...listenerShape(folder),
      clusters: clustersSchema(folder),
      slurm: slurmSchema(folder).exactOptional(),
      policy: z.strictObject({ file: filePath(folder) }),
      backend: backendSchema(folder),
      ledger: ledgerSchema(folder),
      replica: replicaSchema,
      audit: auditSchema(folder),
      admission: z
        .strictObject({
          concurrency: whole(1, 1_000).default(32),
          queue: whole(0, 1_000_000).default(20_000),
          maxWaitMs: whole(100, 600_000).default(60_000),
        })
        .prefault({}),
      log: z.strictObject({ level: z.enum(logLevels).default('info') }).prefault({}),
      drainSeconds: whole(1, 3_600).exactOptional(),
    })
    .transform((raw): BrokerConfig => {
      const { requestLimitSeconds } = raw.backend.vault;
      return { ...raw, drainSeconds: raw.drainSeconds ?? requestLimitSeconds + 10 };
    });

/**
 * Reads broker.yaml and looks at every file it names. Throws `config_invalid` with all problems, one a line; a problem of the file itself
 * hides those of the files it names.
 */
export async function loadBrokerConfig(file: string): Promise<BrokerConfig> {
  const outcome = await readBrokerConfig(file);
  const problems = outcome.ok ? await brokenFiles(outcome.value) : outcome.problems;
  if (outcome.ok && problems.length === 0) return outcome.value;
  throw new LeaseholdError('config_invalid', { detail: problems.join('\n') });
}

/** Without looking at the files that it names. Throws `config_invalid` when the file itself cannot be read. */
export async function readBrokerConfig(file: string): Promise<YamlOutcome<BrokerConfig>> {
  const text = (await readSmallFile(file, { maxBytes })).toString('utf8');
  return parseBrokerConfig(text, dirname(resolve(file)));
}

export function parseBrokerConfig(text: string, folder: string): YamlOutcome<BrokerConfig> {
  return readYamlDocument({ text, schema: brokerSchema(folder), check: brokenAcross });
}

function brokenAcross(config: BrokerConfig): readonly Problem[] {
  const { workloads, admin, http, audit, ledger, drainSeconds, backend } = config;
  const problems: Problem[] = [];
  const { nodes, slurm, clusters } = config;
  if ((nodes === undefined) !== (slurm === undefined))
    problems.push({ path: [nodes === undefined ? 'nodes' : 'slurm'], rule: 'nodes and slurm go together' });
  if (clusters.length === 0 && slurm === undefined)
    problems.push({ path: ['clusters'], rule: 'must not be empty without slurm' });
  if (
    nodes !== undefined &&
    [workloads, admin, http].some(({ listen }) => sharesAddress(nodes.listen, listen))
  )
    problems.push({ path: ['nodes', 'listen'], rule: 'must not share the address of another listener' });
  if (sharesAddress(admin.listen, workloads.listen))
    problems.push({ path: ['admin', 'listen'], rule: 'must not share the address of workloads' });
  if (sharesAddress(http.listen, workloads.listen) || sharesAddress(http.listen, admin.listen))
    problems.push({ path: ['http', 'listen'], rule: 'must not share the address of another listener' });
  // The nodes of a run may be at several brokers; without an address nobody could send them to the one that has their values.
  if ('postgres' in ledger && slurm !== undefined && config.replica.advertise.nodes === undefined)
    problems.push({
      path: ['replica', 'advertise', 'nodes'],
      rule: 'is needed for slurm on ledger.postgres',
    });
  const auditFile = audit.sink.kind === 'file' ? audit.sink.file : undefined;
  if ('sqlite' in ledger && auditFile === ledger.sqlite.file)
    problems.push({ path: ['audit', 'file'], rule: 'must not be the file of the ledger' });
  if (auditFile !== undefined && audit.signing?.headsFile === auditFile)
    problems.push({ path: ['audit', 'signing', 'headsFile'], rule: 'must not be the audit file itself' });
  // A read that is cut can leave a credential without a lease, so going down waits for as long as the backend may take.
  if (drainSeconds < backend.vault.requestLimitSeconds)
    problems.push({ path: ['drainSeconds'], rule: 'must be at least backend.vault.requestLimitSeconds' });
  return problems;
}
