import type { Ledger, Session } from '../../ledger/ledger.ts';
import type { CanarySettings, CanaryStatus, CanaryTarget } from './canary.ts';
import { canaryWorkload } from './canary-session.ts';
import { judge, type Verdict } from './verdict.ts';

/** How a path stands, and the canary that a next one would follow. */
export interface Standing {
  readonly status: CanaryStatus;
  readonly newest: string | undefined;
}

/** Reads from the ledger how a path stands: any broker gives the same answer, and one that has just started too. */
export interface Standings {
  read(target: CanaryTarget): Promise<Standing>;
}

/** After one that said nothing, unless the interval is shorter. */
const againMs = 60_000;
/** Canaries looked at for the last one that passed: all that the ledger keeps of a path whose interval is not very short. */
const longestLook = 500;
const firstLook = 2;

interface Judged {
  readonly session: Session;
  readonly verdict: Verdict;
}

export function createStandings(options: {
  readonly ledger: Pick<Ledger, 'listSessions' | 'findSession'>;
  readonly settings: CanarySettings;
}): Standings {
  const { ledger, settings } = options;
  /** By path. What has passed never changes, and what is looked for further back than this costs a long look. */
  const passed = new Map<string, { readonly session: string; readonly at: number }>();
  /** The last word on a path that failed: while its backend is away, the one that is stuck says nothing else. */
  const failed = new Map<string, Judged>();

  const judged = async ({ id }: Session): Promise<Judged | undefined> => {
    const session = await ledger.findSession(id);
    return session === undefined ? undefined : { session, verdict: judge(session) };
  };

  const find = async (path: string, limit: number) => {
    const workload = canaryWorkload(path);
    const sessions = await ledger.listSessions({ workload, limit });
    let newest: Judged | undefined;
    let decided: Judged | undefined;
    for (const one of sessions) {
      const found = await judged(one);
      if (found === undefined) continue;
      newest ??= found;
      const { outcome } = found.verdict;
      if (outcome !== 'pending' && outcome !== 'none') decided ??= found;
      if (outcome === 'passed') passed.set(path, { session: one.id, at: found.session.endedAt ?? 0 });
      if (decided !== undefined && passed.has(path)) break;
    }
    return { newest, decided, isAll: sessions.length < limit };
  };

  const dueAt = ({ session, verdict }: Judged): number | undefined => {
    // What it left has to go first: a path that cannot be revoked from must not collect more of them.
    if (session.state !== 'ended') return undefined;
    if (verdict.outcome !== 'none') return session.createdAt + settings.intervalMs;
    return (session.endedAt ?? session.createdAt) + Math.min(againMs, settings.intervalMs);
  };

  return {
    read: async ({ path, bundle }) => {
      let found = await find(path, firstLook);
      if (!found.isAll && (found.decided === undefined || !passed.has(path)))
        found = await find(path, longestLook);
      const { newest } = found;
      let { decided } = found;
      const stuck = failed.get(path);
      if (newest?.verdict.outcome === 'pending' && stuck?.session.id === newest.session.id) decided = stuck;
      if (decided?.verdict.outcome === 'revoke_failed') failed.set(path, decided);
      else failed.delete(path);
      return {
        newest: newest?.session.id,
        status: {
          path,
          bundle: bundle.name,
          outcome: toOutcome(decided?.verdict.outcome),
          why: decided?.verdict.why,
          ranAt: decided?.session.createdAt,
          session: decided?.session.id,
          passedAt: passed.get(path)?.at,
          nextAt: newest === undefined ? 0 : dueAt(newest),
        },
      };
    },
  };
}

function toOutcome(outcome: Verdict['outcome'] | undefined): CanaryStatus['outcome'] {
  return outcome === undefined || outcome === 'pending' || outcome === 'none' ? 'waiting' : outcome;
}
