import { type ErrorCode, LeaseholdError } from '../../platform/error.ts';
import { newTrace, withTrace } from '../../platform/trace.ts';
import type { Parts } from '../parts.ts';
import { type CanaryStatus, type CanaryTarget, canaryTargets } from './canary.ts';
import { canaryIdentity } from './canary-session.ts';
import { runCanary } from './run-canary.ts';
import { createStandings, type Standing } from './standing.ts';
import { isOfThePath } from './verdict.ts';

/** The canaries of this broker. Without settings there are none, and nothing is asked of anybody. */
export interface Canaries {
  /** Looks at the paths whose time has come, and starts at most one canary. */
  tick(): Promise<void>;
  /** As of the last look, at most a minute old. */
  known(): readonly CanaryStatus[];
  /** As the ledger says now. Throws `ledger_*`. */
  list(): Promise<readonly CanaryStatus[]>;
  /**
   * Sends one now, whatever the interval; `by` stands in its record. Without a `session`, none was sent: one is under way, or has left something that
   * has to go first. Throws `request_invalid` for a path without canaries; `locked`, `backend_*` or why revocations fail there, when
   * none may be sent; `ledger_*`, `overloaded`, `cancelled`.
   */
  run(request: { readonly path: string; readonly by: string }): Promise<{
    readonly session: string | undefined;
    readonly status: CanaryStatus;
  }>;
}

const longestLookMs = 60_000;
const pendingLookMs = 1_000;
/** The backend was away, or the path is known to fail. */
const postponeMs = 5_000;

const noCanaries: Canaries = {
  tick: async () => undefined,
  known: () => [],
  list: async () => [],
  run: async () => {
    throw new LeaseholdError('request_invalid', { detail: 'canaries are not configured' });
  },
};

export function createCanaries(parts: Parts): Canaries {
  const settings = parts.settings.canary;
  if (settings === undefined) return noCanaries;
  const standings = createStandings({ ledger: parts.ledger, settings });
  const known = new Map<string, CanaryStatus>();
  /** When each path is looked at next, monotonic. */
  const lookAt = new Map<string, number>();
  /** Since when a canary is due there, by the backend's clock. */
  const due = new Map<string, number>();
  const targets = () => canaryTargets(parts.policy.bundles(), settings);
  let strays: readonly string[] = [];

  const lookAgain = (path: string, ms: number) =>
    void lookAt.set(path, parts.clock.monotonic() + ms * (1 + parts.random() * 0.2));

  const look = async (target: CanaryTarget): Promise<Standing> => {
    const { path } = target;
    // One that cannot be read must not keep the others waiting.
    lookAgain(path, postponeMs);
    const standing = await standings.read(target);
    const { status } = standing;
    tellChange(parts, known.get(path), status);
    known.set(path, status);
    const leftMs = status.nextAt === undefined ? pendingLookMs : status.nextAt - parts.backend.now();
    if (leftMs <= 0) due.set(path, status.nextAt ?? 0);
    else due.delete(path);
    const pauseMs = leftMs <= 0 ? longestLookMs : Math.min(leftMs, longestLookMs);
    lookAgain(path, pauseMs);
    return standing;
  };

  const forgetOthers = (current: readonly CanaryTarget[]) => {
    const paths = new Set(current.map(({ path }) => path));
    for (const map of [known, lookAt, due])
      for (const path of map.keys()) if (!paths.has(path)) map.delete(path);
    const missing = settings.paths?.filter((path) => !paths.has(path)) ?? [];
    for (const path of missing.filter((one) => !strays.includes(one)))
      parts.log.warn('canaries are asked for at a path that no bundle leases from', { path });
    strays = missing;
  };

  const start = async (target: CanaryTarget): Promise<void> => {
    const { path } = target;
    const obstacle = await obstacleTo(parts, target);
    if (obstacle !== undefined) {
      parts.log.debug('a canary waits', { path, code: obstacle });
      due.delete(path);
      lookAgain(path, postponeMs);
      return;
    }
    // Again: another broker may have been faster since.
    const { newest } = await look(target);
    if (!due.has(path)) return;
    due.delete(path);
    lookAgain(path, pendingLookMs);
    try {
      // A trace of its own; one that a person asks for has that of the call.
      await withTrace(newTrace(), () => runCanary(parts, { target, previous: newest, by: 'broker' }));
    } catch (error) {
      const { code } = LeaseholdError.from(error);
      parts.log.info('a canary could not be sent and comes later', { path, code }, error);
    }
  };

  return {
    known: () => [...known.values()],
    list: async () => {
      const statuses: CanaryStatus[] = [];
      for (const target of targets()) statuses.push((await standings.read(target)).status);
      return statuses;
    },
    run: async ({ path, by }) => {
      const target = targets().find((one) => one.path === path);
      if (target === undefined)
        throw new LeaseholdError('request_invalid', { detail: 'no canary is sent to this path' });
      const cutOff = reach(parts);
      if (cutOff !== undefined) throw new LeaseholdError(cutOff);
      const { newest, status } = await look(target);
      if (status.nextAt === undefined) return { session: undefined, status };
      const obstacle = await obstacleTo(parts, target);
      if (obstacle !== undefined) throw new LeaseholdError(obstacle);
      due.delete(path);
      const session = await runCanary(parts, { target, previous: newest, by });
      return { session, status: (await look(target)).status };
    },
    tick: async () => {
      if (reach(parts) !== undefined) return;
      const current = targets();
      forgetOthers(current);
      const now = parts.clock.monotonic();
      for (const target of current) if (now >= (lookAt.get(target.path) ?? now)) await look(target);
      const [oldest] = [...due].toSorted(([, a], [, b]) => a - b);
      const target = current.find(({ path }) => path === oldest?.[0]);
      if (target !== undefined) await start(target);
    },
  };
}

/** Instants in the ledger are by the backend's clock, which is not known before it has answered. */
function reach({ identity, replicas }: Parts): ErrorCode | undefined {
  return identity.hasAnswered() ? replicas.cutOffFrom() : 'backend_unavailable';
}

/**
 * None is sent where a lock forbids it, where revocations are known to fail, or while the backend is away: it would prove nothing and leave
 * more behind.
 */
async function obstacleTo(parts: Parts, { path, bundle }: CanaryTarget): Promise<ErrorCode | undefined> {
  const { ledger, backend, locks, signal } = parts;
  if ((await locks.matching({ identity: canaryIdentity(path), bundle: bundle.name })) !== undefined)
    return 'locked';
  const failing = (await ledger.listOutstanding()).find((one) => one.path === path && isOfThePath(one.why));
  if (failing !== undefined) return failing.why;
  try {
    await backend.checkHealth({ signal });
    return undefined;
  } catch (error) {
    return LeaseholdError.from(error).code;
  }
}

function tellChange(
  { log }: Pick<Parts, 'log'>,
  before: CanaryStatus | undefined,
  { path, bundle, outcome, why, session }: CanaryStatus,
): void {
  if (before?.outcome === outcome && before.why === why) return;
  const facts = { path, bundle, session, why };
  if (outcome === 'revoke_failed')
    log.error('a canary found that what is issued at this path cannot be revoked', facts);
  else if (outcome === 'issue_failed')
    log.error('a canary found that nothing can be issued at this path', facts);
  else if (before?.outcome === 'revoke_failed' || before?.outcome === 'issue_failed')
    log.info('the failure that a canary found at this path is over', { path, bundle });
}
