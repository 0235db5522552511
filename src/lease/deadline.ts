import type { Session } from '../ledger/ledger.ts';
import { endSession } from './end-session.ts';
import type { Parts } from './parts.ts';

/** Longest time before its deadline that a session's successor is made. */
const longestLeadMs = 300_000;

/** How long before its deadline a session asks its holder for a fresh proof: a fifth of its life, at most five minutes. */
export function deadlineLead(session: Pick<Session, 'createdAt' | 'deadlineAt'>): number {
  return Math.min(longestLeadMs, Math.round((session.deadlineAt - session.createdAt) / 5));
}

/** True when a fresh proof may start the successor now. */
export function nearDeadline(session: Session, now: number): boolean {
  return session.state === 'active' && now >= session.deadlineAt - deadlineLead(session);
}

/**
 * First call, at the lead: the holder is asked for a fresh credential, which starts a successor session (`refresh`).
 * Second call, at the deadline: whatever is still there ends.
 */
export async function deadlineWork(parts: Parts, id: string): Promise<number | undefined> {
  const session = await parts.ledger.findSession(id);
  if (session === undefined || session.state === 'revoking' || session.state === 'ended') return undefined;
  if (parts.backend.now() >= session.deadlineAt) {
    await endSession(parts, { session: id, reason: 'deadline', tombstone: false });
    return undefined;
  }
  if (session.state === 'active') {
    parts.hub.tell(id, { kind: 'credential_wanted', by: session.deadlineAt });
  }
  return session.deadlineAt;
}
