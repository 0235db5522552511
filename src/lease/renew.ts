import type { Session } from '../ledger/ledger.ts';
import { hasCode, LeaseholdError } from '../platform/error.ts';
import { withdrawRefused } from './decide.ts';
import { detachedDueAt } from './detached.ts';
import { endSession } from './end-session.ts';
import { extend, renewAt } from './extend.ts';
import type { Parts } from './parts.ts';

/** Less than this before the end of a credential, a failed renewal is retried as fast as the settings allow. */
const urgentMs = 60_000;

/**
 * The renewal of a lease set, while a holder is attached here, the workload lives, the policy still grants the bundle and
 * knowledge about the workload is not lost. Returns when to do it next.
 */
export async function renewWork(parts: Parts, leaseSetId: string): Promise<number | undefined> {
  const leaseSet = await parts.ledger.findLeaseSet(leaseSetId);
  if (leaseSet?.state !== 'current') return undefined;
  const session = await parts.ledger.findSession(leaseSet.session);
  if (session === undefined || (session.state !== 'active' && session.state !== 'superseded'))
    return undefined;
  if (!parts.hub.isAttached(session.id)) {
    // It came while the item was on its way here.
    if (await parts.ledger.isAttachedElsewhere({ session: session.id, replica: parts.replica }))
      return parts.backend.now() + parts.settings.retryMinMs;
    await watchDetached(parts, session);
    return undefined;
  }
  const { phase, freshness } = parts.states.state(session.workload);
  if (phase === 'ended') {
    await endSession(parts, { session: session.id, reason: 'workload_ended', tombstone: false });
    return undefined;
  }
  const now = parts.backend.now();
  if (freshness === 'lost') {
    // Nothing is renewed and nothing revoked on silence; what the holder has runs out if that lasts.
    parts.trouble.began(session.id, 'workload_stale', now);
    return now + parts.settings.retryMaxMs;
  }
  if (await withdrawRefused(parts, session)) return undefined;
  const bundle = parts.policy.bundle(session.bundle);
  if (bundle === undefined) return now;
  const pauses = leaseSet.credentials.map(({ path }) => parts.pathSlots.pause('renew', path) ?? 0);
  const pause = Math.max(...pauses, 0);
  if (pause > 0) return now + pause;
  try {
    const extension = await extend(parts, {
      leaseSet,
      ttlSeconds: bundle.ttlSeconds,
      deadlineAt: session.deadlineAt,
    });
    if (extension.lost) return await replaceLost(parts, session, leaseSetId);
    await parts.ledger.recordRenewal({
      leaseSet: leaseSetId,
      expiresAt: extension.expiresAt,
      credentials: extension.credentials,
      // The loop below puts the next renewal; a credential near its own maximum is replaced instead of renewed to death.
      work: extension.nearMaximum ? [{ kind: 'rotate', subject: session.id, dueAt: now }] : [],
      at: parts.backend.now(),
    });
    await parts.reach('renewal.recorded', leaseSetId);
    if (extension.nearMaximum) parts.wake();
    parts.events.count('renewed');
    parts.trouble.ended(session.id);
    if (extension.expiresAt >= session.deadlineAt) return undefined;
    return renewAt(parts.backend.now(), extension.expiresAt, parts.random);
  } catch (error) {
    if (hasCode(error, 'cancelled')) throw error;
    if (hasCode(error, 'ledger_conflict')) return undefined;
    parts.events.count('renew_failed');
    const known = LeaseholdError.from(error);
    parts.log.warn('renewal failed and is tried again', { session: session.id, code: known.code }, error);
    parts.trouble.began(session.id, known.code, now);
    const { retryMinMs, retryMaxMs } = parts.settings;
    const left = leaseSet.expiresAt - now;
    // What has lapsed is not saved by hurry.
    const retryMs = left > 0 && left < urgentMs ? retryMinMs * 2 : retryMaxMs;
    return parts.backend.now() + retryMs * (0.5 + parts.random() / 2);
  }
}

/** Not renewed any more, so it must be revoked in time, whatever became of the word that its last holder let it go. */
async function watchDetached(parts: Parts, session: Session): Promise<void> {
  const dueAt = detachedDueAt(session, parts.policy.bundle(session.bundle), parts.backend.now());
  await parts.ledger.putWork([{ kind: 'detached', subject: session.id, dueAt: Math.round(dueAt) }]);
}

/** Gone at the backend, and not by our doing: the holder gets new credentials at once, what is left of the old is revoked. */
async function replaceLost(parts: Parts, session: Session, leaseSetId: string): Promise<number | undefined> {
  // While the renewal was under way it may have been replaced, and then it was we who revoked it.
  if ((await parts.ledger.findLeaseSet(leaseSetId))?.state !== 'current') return undefined;
  const at = parts.backend.now();
  await parts.ledger.recordRenewal({ leaseSet: leaseSetId, expiresAt: at, work: [], at });
  parts.log.warn('credentials of a session are gone at the backend, replacing them', { session: session.id });
  await parts.ledger.putWork([{ kind: 'rotate', subject: session.id, dueAt: at }]);
  parts.wake();
  return undefined;
}
