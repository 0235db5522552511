import type { Session, SessionKey } from '../ledger/ledger.ts';
import { LeaseholdError } from '../platform/error.ts';
import { isLeased } from '../policy/bundle.ts';
import { begin } from './begin.ts';
import { decide, type Granted, withdrawAfter } from './decide.ts';
import { endSession } from './end-session.ts';
import type { Attached } from './hub.ts';
import type { Parts } from './parts.ts';
import { redirect } from './redirects.ts';
import { type Rest, resume } from './resume.ts';
import type { OpenRequest } from './sessions.ts';

/** One holder's wish for one bundle. */
export interface Opening {
  readonly attached: Attached;
  readonly request: OpenRequest;
  /** What it wishes to hold: one session for all nodes of a run, or one that is this node's. */
  readonly key: SessionKey;
  readonly signal: AbortSignal;
}

/**
 * One bundle for one proved holder, with the hold key taken and what is live of it: decide, then resume what stands or begin what does not.
 * Refusals are thrown; the caller turns them into a message and a record.
 */
export async function open(parts: Parts, opening: Opening, existing: Session | undefined): Promise<void> {
  const { attached, request } = opening;
  let granted: Granted;
  try {
    granted = await decide(parts, attached, request.bundle);
  } catch (error) {
    if (existing !== undefined) await withdrawAfter(parts, existing, error);
    throw error;
  }
  if (existing === undefined) {
    await beginOrResume(parts, opening, granted, undefined);
  } else if (existing.state === 'opening' && parts.replicas.otherOwner(existing) !== undefined) {
    // Another replica is making it just now: its holder goes there, or comes back.
    if (!redirect(parts, attached, existing)) throw new LeaseholdError('ledger_conflict');
  } else if (existing.state === 'opening') {
    // The hold key is ours, so nobody here is issuing it: a broker died in the middle, and its values died with it.
    await endSession(parts, { session: existing.id, reason: 'issue_failed', tombstone: false });
    await beginOrResume(parts, opening, granted, undefined);
  } else if (existing.leased !== isLeased(granted.bundle)) {
    // The policy changed the nature of the bundle; what stands cannot be carried on.
    await endSession(parts, { session: existing.id, reason: 'lost', tombstone: false });
    await beginOrResume(parts, opening, granted, undefined);
  } else {
    await (
      await resume(parts, opening, granted, existing)
    )?.();
  }
}

/**
 * One of several holders, side by side with the others: they all come at once, and the first has begun the session for them. Returns what has to be
 * done alone.
 */
export async function join(
  parts: Parts,
  opening: Opening,
  existing: Session | undefined,
): Promise<Rest | undefined> {
  const { attached, request } = opening;
  // By the time it is alone, another one may have begun or ended it.
  const alone = async () => open(parts, opening, await parts.ledger.findLive(opening.key));
  if (existing?.state !== 'active') return alone;
  let granted: Granted;
  try {
    granted = await decide(parts, attached, request.bundle);
  } catch {
    // It says so again, and takes back what stands.
    return alone;
  }
  if (existing.leased !== isLeased(granted.bundle)) return alone;
  return resume(parts, opening, granted, existing);
}

/** A new session for a workload that has proved itself again near the deadline of the old one, which goes when it is delivered. */
export async function openSuccessor(parts: Parts, opening: Opening, old: Session): Promise<void> {
  const granted = await decide(parts, opening.attached, opening.request.bundle);
  await beginOrResume(parts, opening, granted, old);
}

async function beginOrResume(
  parts: Parts,
  opening: Opening,
  granted: Granted,
  old: Session | undefined,
): Promise<void> {
  const existing = await begin(parts, opening, granted, old);
  if (existing !== undefined) await (await resume(parts, opening, granted, existing))?.();
}
