import type { Audit } from '../../audit/audit.ts';
import type { SlurmClusterConfig } from '../../identity/runs/slurm-cluster.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { NewRun, Run } from '../../ledger/runs.ts';
import type { Log } from '../../platform/log.ts';
import type { PolicySource } from '../../policy/policy-source.ts';
import { identityFacts } from '../audit-facts.ts';
import { defaultLeaseSettings } from '../settings.ts';
import { isCancelledWithout } from './undelivered.ts';

/**
 * Nodes that never come for the files of a run: without an agent, or with one that reaches no broker, so that nobody says a word. A mistake here ends a job that
 * is well, so each doubt is time that did not pass:
 * - it counts from the first report by which the run runs on all its nodes, their prologs begun, and anew after one by which it does not, or after a silence;
 * - and from the first node that came, which proves that nodes of this run can: where none does, its first task fails by itself;
 * - and anew once a broker has started, was cut off, or could write no record;
 * - never for a run of which the ledger may have forgotten who came: it is old, or known from a copy alone;
 * - nor for one that was seen on another number of nodes: which of them it has is not known any more, also when it grows again.
 */
export interface AbsentNodes {
  /** Whether a run that is registered now is to be awaited: a node of several, without which its job is cancelled. */
  awaits(run: Pick<NewRun, 'identity' | 'bundles'>): boolean;
  /** What a report says of active runs of one cluster: on how many nodes they run, as `ReportedRun.nodes`. */
  look(cluster: string, runs: readonly { readonly run: Run; readonly nodes: number }[]): Promise<void>;
  /** Called again and again. Until nodes can come to this broker, and every wait has begun anew, nothing is decided here. */
  keep(): Promise<void>;
  /** The ledger did not answer: no node could come. */
  interrupted(): void;
}

export interface AbsentNodesOptions {
  readonly ledger: Ledger;
  readonly policy: PolicySource;
  readonly audit: Audit;
  readonly clusters: readonly SlurmClusterConfig[];
  /** Whether nodes are served here. */
  readonly serves: () => boolean;
  readonly log: Log;
  /** Instants of the ledger, milliseconds since the Unix epoch. */
  readonly now: () => number;
}

/** Three reports of a signer that makes one each minute, as it does by default. */
const longestSilenceMs = 180_000;
/** A day less than sessions that have ended are kept: who came to one that is pruned by now is not known any more. */
const longestKnownMs = defaultLeaseSettings.keepEndedMs - 86_400_000;
/** Of one run: what else is missing is counted. */
const mostRecorded = 16;

export function createAbsentNodes(options: AbsentNodesOptions): AbsentNodes {
  const { ledger, policy, audit, now } = options;
  const waits = new Map(
    options.clusters.map(({ name, absentAfterSeconds }) => [name, absentAfterSeconds * 1000]),
  );
  let interruptions = 1;
  let overcome = 0;

  const awaits: AbsentNodes['awaits'] = ({ identity, bundles }) =>
    (waits.get(identity.cluster) ?? 0) > 0 &&
    identity.nodes.length > 1 &&
    isCancelledWithout(policy, bundles);

  const decide = async ({ identity }: Run, waitMs: number): Promise<void> => {
    const { workload, cluster, nodes } = identity;
    const code = 'node_absent' as const;
    const wait = { limit: mostRecorded, waitMs, at: now() };
    const absent = await ledger.recordAbsent({ workload, nodes, code, ...wait });
    if (absent.count === 0) return;
    options.log.warn('nodes have never come for the files of a run', { workload, nodes: absent.count });
    const others = absent.count - absent.nodes.length;
    const also = others === 0 ? '' : ` (as of ${others} others)`;
    // It stands in the ledger, and goes on without its records.
    for (const node of absent.nodes)
      await audit.recordAnyway({
        action: 'run_undelivered',
        outcome: 'failed',
        code,
        actor: 'broker',
        ...identityFacts(identity),
        node: `${cluster}/${node}`,
        policyRevision: policy.revision,
        reason: `no agent of the node has asked${also}; the job is to be cancelled`,
      });
  };

  const canCome = () => options.serves() && audit.takesRecords();

  return {
    awaits,
    look: async (cluster, runs) => {
      if (overcome !== interruptions || !canCome()) return;
      const awaited = runs.filter(({ run }) => awaits(run) && now() - run.registeredAt < longestKnownMs);
      if (awaited.length === 0) return;
      const [running, others, resized]: [string[], string[], string[]] = [[], [], []];
      for (const { run, nodes } of awaited) {
        const to = nodes === run.identity.nodes.length ? running : nodes === 0 ? others : resized;
        to.push(run.identity.workload);
      }
      // The scheduler may have let go just those that never came.
      if (resized.length > 0) await ledger.stopAwaiting({ workloads: resized });
      const waitMs = waits.get(cluster) ?? 0;
      const over = new Set(
        await ledger.seeRunning({
          running,
          others,
          silenceMs: longestSilenceMs,
          waitMs,
          at: now(),
        }),
      );
      for (const { run } of awaited) if (over.has(run.identity.workload)) await decide(run, waitMs);
    },
    keep: async () => {
      if (!canCome()) interruptions += 1;
      else if (overcome !== interruptions) {
        const until = interruptions;
        await ledger.restartWaits();
        overcome = until;
      }
    },
    interrupted: () => {
      interruptions += 1;
    },
  };
}
