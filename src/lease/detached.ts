import type { Session } from '../ledger/ledger.ts';
import type { Bundle } from '../policy/bundle.ts';
import { endSession } from './end-session.ts';
import type { Parts } from './parts.ts';

/** Part of the working ttl that is kept for the revocation itself, and its bound. */
const marginShare = 0.2;
export const longestMarginMs = 10_000;

/**
 * When a session that nobody is attached to must be revoked: before its token lapses by itself, since a lapse is not a
 * confirmed revocation. A static session has no token and is kept for the bundle's ttl. A leased one that has no current
 * lease set (its broker died in the middle of the issue) has nothing that anybody could come back to.
 */
export function detachedDueAt(session: Session, bundle: Bundle | undefined, detachedAt: number): number {
  if (!session.leased) return detachedAt + (bundle?.ttlSeconds ?? 0) * 1000;
  const current = session.leaseSets.find(({ state }) => state === 'current');
  if (current === undefined) return detachedAt;
  const ttlMs = bundle === undefined ? longestMarginMs : bundle.ttlSeconds * 1000;
  return current.expiresAt - Math.min(longestMarginMs, ttlMs * marginShare);
}

/** Called with the session's hold key taken, so that nobody is opening or issuing it here. */
export async function detachedWork(parts: Parts, id: string): Promise<number | undefined> {
  if (parts.hub.isAttached(id)) return undefined;
  const session = await parts.ledger.findSession(id);
  if (session === undefined || session.state === 'revoking' || session.state === 'ended') return undefined;
  if (await parts.ledger.isAttachedElsewhere({ session: id, replica: parts.replica })) return undefined;
  if (session.leased) {
    // After a restart of the broker the item was due at one time for all; the credentials may have longer.
    const dueAt = detachedDueAt(session, parts.policy.bundle(session.bundle), parts.backend.now());
    if (dueAt > parts.backend.now()) return dueAt;
  }
  await endSession(parts, { session: id, reason: 'detached', tombstone: false });
  return undefined;
}
