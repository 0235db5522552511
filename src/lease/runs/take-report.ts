import type { Audit } from '../../audit/audit.ts';
import { clockLeewaySeconds } from '../../identity/claims.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Run } from '../../ledger/runs.ts';
import type { Clock } from '../../platform/clock.ts';
import { LeaseholdError } from '../../platform/error.ts';
import { createLimited } from '../../platform/limited.ts';
import type { Log } from '../../platform/log.ts';
import type { AbsentNodes } from './absent-nodes.ts';
import { isRowOf, type ReportedRun } from './reported-run.ts';

/** What a signer says of the runs of its cluster. */
export interface RunReport {
  readonly cluster: string;
  readonly runs: readonly ReportedRun[];
  /** When the scheduler was asked, by the signer's clock; milliseconds since the Unix epoch. */
  readonly asOf: number;
  /** The job ids that it speaks of, both included; all without it. */
  readonly jobs?: { readonly from: number; readonly to: number };
  /** Its caller's. */
  readonly signal: AbortSignal;
}

/** How many runs have ended by a report, and those whose jobs are to be cancelled. */
export interface Reported {
  readonly ended: number;
  readonly toCancel: readonly Run[];
}

/** A run registered this shortly before a report was made, or came, may not stand in it yet. */
const reportMarginMs = 60_000;
/** Of one report: they share commits and syncs of the audit log, and leave the ledger to others, too. */
const atOnce = 64;

export function createTakeReport(options: {
  readonly ledger: Ledger;
  readonly audit: Audit;
  readonly absentNodes: AbsentNodes;
  /** Ends a run. False for one that was ended by somebody else. */
  readonly finish: (workload: string, reason: string) => Promise<boolean>;
  readonly clock: Clock;
  readonly log: Log;
  readonly now: () => number;
}): (report: RunReport) => Promise<Reported> {
  const { ledger, audit, absentNodes, finish, clock, log, now } = options;
  /** A clock that is ahead would have runs ended that started after the scheduler was asked. */
  const requireOurTime = async (cluster: string, asOf: number): Promise<void> => {
    const ahead = asOf - clock.now();
    if (ahead <= clockLeewaySeconds * 1000) return;
    log.error("a report was refused: the signer's clock is ahead of ours", { cluster, ms: ahead });
    const code = 'request_invalid' as const;
    await audit.record({ action: 'run_report', outcome: 'refused', code, actor: `signer:${cluster}` });
    throw new LeaseholdError(code, { detail: "as_of_ms: ahead of the broker's clock; set both by NTP" });
  };

  /**
   * Begins none after one has failed or the caller has gone, who asks again: what was left would be done twice at once. Settles when nothing is
   * under way any more.
   */
  const carryOut = async (works: readonly (() => Promise<void>)[], signal: AbortSignal): Promise<void> => {
    const limited = createLimited(atOnce);
    const failures: unknown[] = [];
    const attempt = async (work: () => Promise<void>): Promise<void> => {
      if (failures.length > 0 || signal.aborted) return;
      await work().catch((error: unknown) => void failures.push(error));
    };
    await Promise.all(works.map((work) => limited(() => attempt(work))));
    if (failures.length > 0) throw LeaseholdError.from(failures[0]);
    if (signal.aborted) throw new LeaseholdError('cancelled');
  };

  return async ({ cluster, runs, asOf, jobs, signal }) => {
    await requireOurTime(cluster, asOf);
    const rows = new Map(runs.map((row) => [row.jobId, row]));
    const settledBefore = Math.min(asOf, now()) - reportMarginMs;
    const active: { readonly run: Run; readonly nodes: number }[] = [];
    const works: (() => Promise<void>)[] = [];
    let ended = 0;
    for (const run of await ledger.listRuns({ cluster })) {
      const { workload, jobId } = run.identity;
      if (jobs !== undefined && (jobId < jobs.from || jobId > jobs.to)) continue;
      const row = rows.get(jobId);
      if (row === undefined || !isRowOf(run, row)) {
        if (run.registeredAt > settledBefore) continue;
        works.push(async () => {
          if (await finish(workload, 'the scheduler does not have it any more')) ended += 1;
        });
      } else if (run.state === 'active') {
        active.push({ run, nodes: row.nodes });
        if (row.endsAt !== run.endsAt) works.push(() => ledger.setRunEnd({ workload, endsAt: row.endsAt }));
      }
    }
    await carryOut(works, signal);
    await absentNodes.look(cluster, active);
    return { ended, toCancel: await ledger.listRunsToCancel({ cluster }) };
  };
}
