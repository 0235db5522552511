import type { SessionAdmin } from '../lease/sessions.ts';
import type { SessionWithHolders } from '../ledger/ledger.ts';
import type { Clock } from '../platform/clock.ts';
import { isSettled, parseReason, parseSelector, toSessionMessage } from './convert-admin.ts';
import type { RevokeSessionsRequest__Output } from './gen/leasehold/v1/RevokeSessionsRequest.ts';
import type { RevokeSessionsResponse } from './gen/leasehold/v1/RevokeSessionsResponse.ts';

const longestWaitMs = 3_600_000;
/** How long after the last credential is settled the holders' word that their files are gone is waited for. */
const wipedGraceMs = 5_000;

/**
 * Reports each session as it is now, then again whenever it changes, until all are settled and their attached holders have
 * wiped, or the wait is over. A holder that stays silent delays the end by no more than the grace.
 */
export async function revoke(
  options: {
    readonly admin: SessionAdmin;
    readonly by: string;
    readonly write: (response: RevokeSessionsResponse) => Promise<void>;
    readonly signal: AbortSignal;
    readonly clock: Clock;
  },
  request: RevokeSessionsRequest__Output,
): Promise<void> {
  const { admin, by, write } = options;
  const { dryRun, waitMs } = request;
  const selector = parseSelector(request.selector);
  const reason = parseReason(request.reason);
  const done = new AbortController();
  const limits = [options.signal, done.signal, AbortSignal.timeout(Math.min(waitMs, longestWaitMs))];
  const signal = AbortSignal.any(limits);
  // Watching begins before revoking: a session that is settled in between would otherwise be waited for in vain.
  let cancelGrace: (() => void) | undefined;
  const changes =
    dryRun || waitMs === 0 ? undefined : admin.watch({ selector, by, signal, isRecorded: true });
  try {
    const sessions = await admin.revoke({ selector, reason, by, dryRun });
    const open = new Set(sessions.map(({ id }) => id));
    const unwiped = new Set(open);
    const shown = new Map<string, string>();
    const report = async (session: SessionWithHolders) => {
      const state = JSON.stringify([session.state, session.leaseSets, session.holders]);
      if (shown.get(session.id) === state) return;
      shown.set(session.id, state);
      if (isSettled(session)) open.delete(session.id);
      if (isSettled(session) && isWiped(session)) unwiped.delete(session.id);
      await write({
        session: toSessionMessage(session, (credential) => admin.hmac(credential)),
        matched: sessions.length,
        settled: sessions.length - open.size,
      });
    };
    for (const session of sessions) await report(session);
    if (changes === undefined || unwiped.size === 0) return;
    const endSoon = () => {
      if (open.size === 0) cancelGrace ??= options.clock.after(wipedGraceMs, () => done.abort());
    };
    endSoon();
    for await (const session of changes) {
      if (unwiped.has(session.id)) await report(session);
      if (unwiped.size === 0) return;
      endSoon();
    }
  } finally {
    cancelGrace?.();
    done.abort();
  }
}

function isWiped(session: SessionWithHolders): boolean {
  return session.holders.every(({ attached, wipedAt }) => !attached || wipedAt !== undefined);
}
