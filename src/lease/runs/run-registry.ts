import type { Audit } from '../../audit/audit.ts';
import type { RunAssertion } from '../../identity/runs/run-assertion.ts';
import type { KnownRuns } from '../../identity/runs/run-verifier.ts';
import type { SlurmClusterConfig } from '../../identity/runs/slurm-cluster.ts';
import type { WorkloadState, WorkloadStates } from '../../identity/identity.ts';
import { runWorkload } from '../../identity/workload-name.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Run, RunState } from '../../ledger/runs.ts';
import type { Clock } from '../../platform/clock.ts';
import { hasCode, LeaseholdError } from '../../platform/error.ts';
import type { Log } from '../../platform/log.ts';
import { isEarlierSluid } from '../../platform/sluid.ts';
import type { RunBundles } from '../../policy/decision.ts';
import type { PolicySource } from '../../policy/policy-source.ts';
import { identityFacts } from '../audit-facts.ts';
import { createAbsentNodes } from './absent-nodes.ts';
import type { RunName } from './reported-run.ts';
import { createTakeReport, type Reported, type RunReport } from './take-report.ts';
import { keepUndelivered, type Undelivered } from './undelivered.ts';

/**
 * Runs of batch schedulers: what signers say about them, and what follows for those who hold something. The truth stands in the
 * ledger; what is here is only remembered, so that any broker serves any run.
 */
export interface RunRegistry extends AsyncDisposable {
  readonly known: KnownRuns;
  readonly states: WorkloadStates;
  /**
   * Recorded, decided and durable when it resolves: the run's nodes may come. Throws `workload_ended` for a run that is over, older than another of its
   * job, or another one than was registered under its name.
   */
  register(input: {
    readonly assertion: RunAssertion;
    readonly requested: readonly string[];
    /** Its nodes have their prologs now. Of a run that began otherwise, a node may come hours later, also once the scheduler is set to that. */
    readonly prologsAtStart: boolean;
  }): Promise<{ readonly run: Run } & Pick<RunBundles, 'refused'>>;
  /**
   * False for a run that was never registered. `cancelled`: its signer has done so by itself, which is on record. Throws `workload_ended`, with a
   * record, for a SLUID that is of an earlier run of the job.
   */
  end(input: {
    readonly cluster: string;
    readonly run: RunName;
    readonly sluid: string | undefined;
    readonly cancelled: boolean;
  }): Promise<boolean>;
  /** See `keepUndelivered`. */
  undelivered(word: Undelivered): Promise<boolean>;
  /**
   * Each report stands by itself and speaks of runs that are clearly older than its `asOf` alone, so that reports may come in any order. Throws
   * `request_invalid`, with a record, when that is ahead of our clock, and `cancelled` when its caller has gone: what is left then is the next one's.
   */
  report(report: RunReport): Promise<Reported>;
}

export interface RunRegistryOptions {
  readonly ledger: Ledger;
  readonly policy: PolicySource;
  readonly audit: Audit;
  readonly clusters: readonly SlurmClusterConfig[];
  readonly clock: Clock;
  readonly log: Log;
  /** Whether this broker serves nodes now. */
  readonly serves: () => boolean;
  /** Instants of the ledger, milliseconds since the Unix epoch. */
  readonly now: () => number;
}

/** How often the ledger is asked which runs have to go: another broker may have been told, or one that died. */
const sweepMs = 2_000;
/** What is remembered of runs that have ended, so that a late word about them is answered without the ledger. */
const rememberEndedMs = 600_000;

export function createRunRegistry(options: RunRegistryOptions): RunRegistry {
  const { ledger, policy, audit, clock, log, now } = options;
  const graceOf = new Map(
    options.clusters.map(({ name, endGraceSeconds }) => [name, endGraceSeconds * 1000]),
  );
  const absentNodes = createAbsentNodes(options);
  const remembered = new Map<string, { readonly state: RunState; readonly at: number }>();
  const listeners = new Set<(workload: string, state: WorkloadState) => void>();

  const remember = (workload: string, state: RunState): void => {
    const before = remembered.get(workload)?.state;
    remembered.set(workload, { state, at: now() });
    if (before !== state && state !== 'active') tell(workload, state);
  };
  const tell = (workload: string, state: RunState): void => {
    for (const listener of [...listeners]) {
      try {
        listener(workload, toState(state));
      } catch (error) {
        // One subscriber's fault must not keep the news from the others.
        log.error('a subscriber to the states of runs failed', {}, error);
      }
    }
  };

  const recordEnd = (run: Run, reason: string) =>
    audit
      .record({
        action: 'run_end',
        outcome: 'ok',
        actor: 'broker',
        ...identityFacts(run.identity),
        reason,
      })
      // Revoking goes on without a record; it stands in the ledger.
      .catch((error: unknown) =>
        log.error('the end of a run has no audit record', { workload: run.identity.workload }, error),
      );

  /** False for a run that another report, or another broker, has ended first: it has its record. */
  const finish = async (workload: string, reason: string): Promise<boolean> => {
    const run = await ledger.endRun({ workload, at: now() });
    remember(workload, 'ended');
    if (run === undefined) return false;
    await recordEnd(run, reason);
    return true;
  };

  /** Runs that end and that no node held at the last look: a stream that is only opened anew, at another broker say, is there at the next one. */
  let unheld = new Set<string>();
  const sweep = async (): Promise<void> => {
    const before = unheld;
    unheld = new Set();
    for (const { identity, endingAt = 0 } of await ledger.listRuns({ state: 'ending' })) {
      const { workload } = identity;
      remember(workload, 'ending');
      const grace = graceOf.get(identity.cluster) ?? 0;
      if (endingAt + grace <= now()) await finish(workload, 'the time for its end is over');
      else if (await ledger.isRunHeld(workload)) continue;
      // A node that cannot be reached has nobody to wait for.
      else if (before.has(workload)) await finish(workload, 'no node holds it any more');
      else unheld.add(workload);
    }
    // Another broker was told of their end. Asked for, or a stream here would go on for a run that is over, and its entry stay for ever.
    const alive = [...remembered].filter(([, { state }]) => state !== 'ended').map(([workload]) => workload);
    if (alive.length > 0)
      for (const workload of await ledger.findEndedRuns(alive)) remember(workload, 'ended');
    for (const workload of await ledger.listEndedRunsHeld()) {
      remembered.set(workload, { state: 'ended', at: now() });
      tell(workload, 'ended');
    }
    for (const [workload, { state, at }] of remembered)
      if (state === 'ended' && at + rememberEndedMs < now()) remembered.delete(workload);
  };

  /** It has its start from the signer's record of the job, which may be of the next run by now. */
  const requireNotEarlier = async (workload: string, sluid: string): Promise<void> => {
    const known = await ledger.findRun(workload);
    if (known === undefined || !isEarlierSluid(sluid, known.sluid)) return;
    const code = 'workload_ended' as const;
    await audit.record({
      action: 'run_end',
      outcome: 'refused',
      code,
      actor: `signer:${known.identity.cluster}`,
      ...identityFacts(known.identity),
      reason: 'it is the end of an earlier run of the job',
    });
    throw new LeaseholdError(code);
  };

  const stopping = new AbortController();
  const sweeping = (async () => {
    while (!stopping.signal.aborted) {
      try {
        await sweep();
        await absentNodes.keep();
      } catch (error) {
        absentNodes.interrupted();
        log.error('runs that have ended could not be looked for', {}, error);
      }
      try {
        await clock.sleep(sweepMs, stopping.signal);
      } catch {
        return;
      }
    }
  })();

  return {
    known: {
      findOfJob: async (job) => {
        const run = await ledger.findRunOfJob(job);
        if (run !== undefined) remember(run.identity.workload, run.state);
        return run;
      },
      admitNode: async (node) => {
        const outcome = await ledger.bindNode({ ...node, at: now() });
        if (outcome === 'rebound' || outcome === 'refused') {
          if (outcome === 'refused')
            log.error('a node showed a key that is not its own', { node: node.node });
          await audit.record({
            action: 'node_key',
            outcome: outcome === 'refused' ? 'refused' : 'ok',
            ...(outcome === 'refused' ? { code: 'node_other_key' as const } : {}),
            actor: 'broker',
            node: `${node.cluster}/${node.node}`,
            credentialId: node.key.slice(0, 16),
          });
        }
        return outcome !== 'refused';
      },
    },
    states: {
      // What was never asked about is nobody's end; the sweep tells of what has ended.
      state: (workload) => toState(remembered.get(workload)?.state),
      subscribe: (listener) => {
        // Wrapped, so that one function subscribed twice is two subscriptions.
        const own = (workload: string, state: WorkloadState) => listener(workload, state);
        listeners.add(own);
        return () => void listeners.delete(own);
      },
    },
    register: async ({ assertion, requested, prologsAtStart }) => {
      const { identity, restarts, sluid, endsAt } = assertion;
      const { bundles, refused } = policy.bundlesForRun(identity, requested);
      const event = {
        action: 'run_register',
        actor: `signer:${identity.cluster}`,
        ...identityFacts(identity),
        restarts,
        ...(sluid === undefined ? {} : { sluid }),
        credentialId: assertion.id,
        policyRevision: policy.revision,
      } as const;
      const refuse = async (cause?: unknown): Promise<never> => {
        const code = 'workload_ended' as const;
        await audit.record({ ...event, outcome: 'refused', code });
        throw new LeaseholdError(code, { cause });
      };
      const { run, ended } = await ledger
        .registerRun({
          run: { identity, restarts, sluid, endsAt, bundles },
          awaited: prologsAtStart && absentNodes.awaits({ identity, bundles }),
          at: now(),
        })
        // A later run of the job is there, or the same one with other facts: this word is old, or forged.
        .catch((error: unknown) => {
          if (hasCode(error, 'ledger_conflict')) return refuse(error);
          throw error;
        });
      for (const workload of ended) remember(workload, 'ended');
      remember(identity.workload, run.state);
      if (run.state === 'ended') return refuse();
      // After the ledger, which decides. Without this record the signer has no answer and asks again; until then nothing is issued either.
      await audit.record({
        ...event,
        outcome: 'ok',
        ...(run.bundles.length === 0 ? {} : { bundle: run.bundles.join(' ') }),
      });
      for (const [code, wishes] of Map.groupBy(refused, (wish) => wish.code)) {
        const bundle = wishes.map((wish) => wish.bundle).join(' ');
        await audit.record({ ...event, outcome: 'refused', code, bundle });
      }
      return { run, refused };
    },
    undelivered: (word) => keepUndelivered(options, word),
    end: async ({ cluster, run: { jobId, start }, sluid, cancelled }) => {
      const workload = runWorkload(cluster, jobId, start);
      if (sluid !== undefined) await requireNotEarlier(workload, sluid);
      const run = await ledger.beginRunEnd({ workload, at: now() });
      if (run === undefined) return false;
      if (run.state === 'ending') {
        const isFirst = remembered.get(workload)?.state !== 'ending';
        remember(workload, 'ending');
        if (isFirst) await recordEnd(run, 'the scheduler began to end it');
      }
      if (cancelled)
        await audit.record({
          action: 'run_cancel',
          outcome: 'ok',
          actor: `signer:${cluster}`,
          ...identityFacts(run.identity),
          reason: 'a node lacks its secrets',
        });
      return true;
    },
    report: createTakeReport({ ...options, absentNodes, finish }),
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await sweeping;
    },
  };
}

function toState(state: RunState | undefined): WorkloadState {
  const phase =
    state === 'active'
      ? 'running'
      : state === 'ending'
        ? 'terminating'
        : state === 'ended'
          ? 'ended'
          : 'unknown';
  // Signers tell; nothing ages. A signer that is silent leaves the deadline, which the time limit sets.
  return { phase, freshness: 'fresh' };
}
