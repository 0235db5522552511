import type { Ledger, Session } from '../../ledger/ledger.ts';
import { canaryWorkload } from '../../platform/canary-workload.ts';
import type { CanarySettings, CanaryStatus, CanaryTarget } from './canary.ts';
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
/** How far back a verdict is looked for: all that the ledger keeps of a path whose interval is not very short. */
const longestLook = 500;

interface Judged {
  readonly session: Session;
  readonly verdict: Verdict;
}

/** What the canaries before the newest one say. They have ended, so it stays the same for as long as that is the newest. */
interface History {
  readonly newest: string;
  readonly decided: Judged | undefined;
  readonly passedAt: number | undefined;
}

export function createStandings(options: {
  readonly ledger: Pick<Ledger, 'listSessions' | 'findSession'>;
  readonly settings: CanarySettings;
}): Standings {
  const { ledger, settings } = options;
  const histories = new Map<string, History>();
  /** The last word on a path that failed: while the backend is away, the one that is stuck says nothing else. */
  const stuck = new Map<string, Judged>();

  const judged = async (id: string): Promise<Judged | undefined> => {
    const session = await ledger.findSession(id);
    return session === undefined ? undefined : { session, verdict: judge(session) };
  };

  const historyOf = async (path: string, newest: string): Promise<History> => {
    const known = histories.get(path);
    if (known?.newest === newest) return known;
    let decided: Judged | undefined;
    let passedAt: number | undefined;
    const sessions = await ledger.listSessions({ workload: canaryWorkload(path), limit: longestLook });
    for (const { id } of sessions.slice(sessions.findIndex((one) => one.id === newest) + 1)) {
      const found = await judged(id);
      if (found === undefined || !isDecided(found)) continue;
      decided ??= found;
      if (found.verdict.outcome !== 'passed') continue;
      passedAt = found.session.endedAt;
      break;
    }
    const history = { newest, decided, passedAt };
    histories.set(path, history);
    return history;
  };

  /** The newest one where it says something, or has said so before it could not be asked any more; else the one before. */
  const decide = (path: string, newest: Judged, history: History): Judged | undefined => {
    const before = stuck.get(path);
    const isStuck = newest.verdict.outcome === 'pending' && before?.session.id === newest.session.id;
    const decided = isDecided(newest) ? newest : isStuck ? before : history.decided;
    if (decided?.verdict.outcome === 'revoke_failed') stuck.set(path, decided);
    else stuck.delete(path);
    return decided;
  };

  const dueAt = ({ session, verdict }: Judged): number | undefined => {
    // What it left has to go first: a path that cannot be revoked from must not collect more of them.
    if (session.state !== 'ended') return undefined;
    if (verdict.outcome !== 'none') return session.createdAt + settings.intervalMs;
    return (session.endedAt ?? session.createdAt) + Math.min(againMs, settings.intervalMs);
  };

  return {
    read: async ({ path, bundle }) => {
      const target = { path, bundle: bundle.name };
      const [last] = await ledger.listSessions({ workload: canaryWorkload(path), limit: 1 });
      const newest = last === undefined ? undefined : await judged(last.id);
      if (newest === undefined) return { newest: undefined, status: { ...target, ...nothingKnown } };
      const history = await historyOf(path, newest.session.id);
      const decided = decide(path, newest, history);
      return {
        newest: newest.session.id,
        status: {
          ...target,
          outcome: decided === undefined ? 'waiting' : toOutcome(decided.verdict.outcome),
          why: decided?.verdict.why,
          ranAt: decided?.session.createdAt,
          session: decided?.session.id,
          passedAt: newest.verdict.outcome === 'passed' ? newest.session.endedAt : history.passedAt,
          nextAt: dueAt(newest),
        },
      };
    },
  };
}

const nothingKnown = {
  outcome: 'waiting',
  why: undefined,
  ranAt: undefined,
  session: undefined,
  passedAt: undefined,
  nextAt: 0,
} as const;

function isDecided({ verdict }: Judged): boolean {
  return toOutcome(verdict.outcome) !== 'waiting';
}

function toOutcome(outcome: Verdict['outcome']): CanaryStatus['outcome'] {
  return outcome === 'pending' || outcome === 'none' ? 'waiting' : outcome;
}
