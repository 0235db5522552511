import type { Verified } from '../identity/identity.ts';
import type { Session } from '../ledger/ledger.ts';
import { endSession } from './end-session.ts';
import type { Parts } from './parts.ts';

/** Longest time before its deadline that a session's successor is made. */
const longestLeadMs = 300_000;

/** What a run has beyond its time limit: the scheduler ends it late rather than early, and time in suspension does not count. */
const runSlackMs = 600_000;

/**
 * Absolute end of a session that begins `at`. That of a run is bound to its time limit as it stands now: where the limit is raised, or suspension
 * moves the end, the run proves itself again for a successor session with leases of its own.
 */
export function sessionDeadline(verified: Verified, at: number, maxSeconds: number): number {
  const deadlineAt = at + maxSeconds * 1000;
  const endsAt = verified.run?.endsAt;
  return endsAt === undefined ? deadlineAt : Math.min(deadlineAt, Math.max(at, endsAt) + runSlackMs);
}

/** How long before its deadline a session asks its holder for a fresh proof: a fifth of its life, at most five minutes. */
export function deadlineLead(session: Pick<Session, 'createdAt' | 'deadlineAt'>): number {
  return Math.min(longestLeadMs, Math.round((session.deadlineAt - session.createdAt) / 5));
}

/** True when a fresh proof may start the successor now. Superseded: its successor may have failed. */
export function nearDeadline(session: Session, now: number): boolean {
  const isHeld = session.state === 'active' || session.state === 'superseded';
  return isHeld && now >= session.deadlineAt - deadlineLead(session);
}

/** How often the proof is asked for, as a part of the lead: one may fail, and a holder may be away. */
const asks = 4;

/**
 * From the lead on the holders are asked for a fresh credential, which starts a successor session (`refresh`), until there is one. At the
 * deadline whatever is still there ends.
 */
export async function deadlineWork(parts: Parts, id: string): Promise<number | undefined> {
  const session = await parts.ledger.findSession(id);
  if (session === undefined || session.state === 'revoking' || session.state === 'ended') return undefined;
  const now = parts.backend.now();
  if (now >= session.deadlineAt) {
    await endSession(parts, { session: id, reason: 'deadline', tombstone: false });
    return undefined;
  }
  const live = await parts.ledger.findLive(session);
  if (live !== undefined && live.id !== id) return session.deadlineAt;
  parts.hub.tell(id, { kind: 'credential_wanted', by: session.deadlineAt });
  return Math.min(session.deadlineAt, Math.ceil(now + deadlineLead(session) / asks));
}
