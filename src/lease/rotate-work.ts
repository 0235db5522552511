import type { Session } from '../ledger/ledger.ts';
import { hasCode, LeaseholdError } from '../platform/error.ts';
import { type Bundle, isLeased } from '../policy/bundle.ts';
import { deliver } from './deliver.ts';
import { someLacks } from './acknowledge.ts';
import { endSession } from './end-session.ts';
import type { Parts } from './parts.ts';
import { rotate } from './rotate.ts';
import { deliverStatics, staticFields } from './static-delivery.ts';

/** Credentials with less than this left are replaced whatever else is under way. */
const urgentMs = 30_000;

/**
 * The work item: an interval, an administrator's wish, credentials near their end, or a delivery that failed. With the hold key taken. It stays
 * until it is done: a holder that is away for a moment is rotated when it is back.
 */
export async function rotateWork(parts: Parts, id: string): Promise<number | undefined> {
  const session = await parts.ledger.findSession(id);
  if (session?.state !== 'active') return undefined;
  const bundle = parts.policy.bundle(session.bundle);
  if (bundle === undefined) return undefined;
  const { retryMaxMs } = parts.settings;
  const later = () => Math.round(parts.backend.now() + retryMaxMs * (0.5 + parts.random() / 2));
  const isElsewhere =
    !parts.hub.isAttached(id) &&
    (await parts.ledger.isAttachedElsewhere({ session: id, replica: parts.replica }));
  // The holder's replica takes it, or the owner is still delivering what the rotation before made.
  if (isElsewhere || parts.replicas.otherOwner(session) !== undefined)
    return parts.backend.now() + parts.settings.retryMinMs;
  const isLost = parts.states.state(session.workload).freshness === 'lost';
  if (!parts.hub.isAttached(id) || isLost || (await isUnderWay(parts, session))) return later();
  try {
    if (await deliverOwed(parts, session, bundle)) return undefined;
    await replace(parts, session, bundle);
    return undefined;
  } catch (error) {
    if (hasCode(error, 'cancelled')) throw error;
    if (hasCode(error, 'ledger_conflict') && !(await isActive(parts, id))) return undefined;
    parts.events.count('rotate_failed');
    const { code } = LeaseholdError.from(error);
    // The nodes share what they may not share any more; each gets its own when it asks again.
    if (code === 'backend_reply_invalid' && isToBePerNode(session, bundle)) {
      parts.log.warn('what nodes of a run share is replaced by what each has alone', { session: id }, error);
      await endSession(parts, { session: id, reason: 'lost', tombstone: false });
      return undefined;
    }
    parts.log.warn('rotation failed and is tried again', { session: id }, error);
    parts.trouble.began(id, code, parts.backend.now());
    return later();
  }
}

function isToBePerNode({ identity, node }: Session, bundle: Bundle): boolean {
  return identity.kind === 'run' && node === '' && bundle.perNode;
}

/** The rotation before this one still waits for holders that use what it replaces; another would take that away from them. */
async function isUnderWay(parts: Parts, session: Session): Promise<boolean> {
  const current = session.leaseSets.find(({ state }) => state === 'current');
  const isRetiring = session.leaseSets.some(({ state }) => state === 'retiring');
  if (!isRetiring || current === undefined || current.expiresAt - parts.backend.now() < urgentMs)
    return false;
  const sent = parts.hub
    .attachedTo(session.id)
    .filter(({ sent: generations }) => generations.get(session.id) === session.generation.id);
  return someLacks(parts, session, sent);
}

/** Holders that were never sent the current generation get that one; true when there were some. */
async function deliverOwed(parts: Parts, session: Session, bundle: Bundle): Promise<boolean> {
  const leased = parts.values.get(session.id, session.generation.id);
  const owed = parts.hub
    .attachedTo(session.id)
    .filter(({ sent }) => sent.get(session.id) !== session.generation.id);
  if (owed.length === 0 || leased === undefined) return false;
  const statics = await staticFields(parts, bundle, parts.signal);
  const retiring = session.leaseSets.find(({ state }) => state === 'retiring');
  await deliver(parts, {
    session,
    bundle,
    leased,
    statics: statics?.fields,
    to: owed,
    previousUntil: retiring?.expiresAt ?? 0,
  });
  parts.trouble.ended(session.id);
  return true;
}

async function replace(parts: Parts, session: Session, bundle: Bundle): Promise<void> {
  const { signal } = parts;
  if (isLeased(bundle)) {
    await rotate(parts, { session, bundle, overlap: true, needsStatics: false, signal });
  } else {
    await parts.statics.refresh(bundle, { signal });
    await deliverStatics(parts, { session, bundle, signal });
  }
}

async function isActive(parts: Parts, id: string): Promise<boolean> {
  return (await parts.ledger.findSession(id))?.state === 'active';
}
