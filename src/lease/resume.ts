import type { Delivered, Session } from '../ledger/ledger.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Bundle } from '../policy/bundle.ts';
import { acknowledged } from './acknowledge.ts';
import { sessionFacts } from './audit-facts.ts';
import { decide, type Granted, requireRenewable, withdrawAfter } from './decide.ts';
import { deliver } from './deliver.ts';
import { renewAt } from './extend.ts';
import type { Opening } from './open.ts';
import type { Parts } from './parts.ts';
import { redirect } from './redirects.ts';
import { rotate } from './rotate.ts';
import { requireStanding } from './standing.ts';
import { deliverStatics, staticFields } from './static-delivery.ts';

/** Makes something new for a session, and so is done with the hold key taken alone. */
export type Rest = () => Promise<void>;

/**
 * A session that stands, with the hold key taken, if only together with other holders: the holder still has its generation, or gets what it
 * lacks. Nothing new is issued where that can be avoided; where it cannot, that is what is returned.
 */
export async function resume(
  parts: Parts,
  opening: Opening,
  granted: Granted,
  session: Session,
): Promise<Rest | undefined> {
  const { attached, request } = opening;
  const { bundle } = granted;
  const { holder } = attached.verified;
  await requireNotTooLate(parts, session, holder);
  // Of another replica, which began it in the same moment.
  if (session.state === 'opening' && !redirect(parts, attached, session))
    throw new LeaseholdError('ledger_conflict');
  const hasCurrent =
    request.resume?.session === session.id && request.resume.generation === session.generation.id;
  await parts.audit.record({
    action: 'open',
    outcome: 'ok',
    actor: session.identity.spiffeId,
    ...sessionFacts(session),
    holder,
    credentialId: attached.verified.credentialId,
    ...(hasCurrent ? { generation: session.generation.id } : {}),
  });
  if (session.state === 'opening') return undefined;
  const isHere = parts.values.get(session.id, session.generation.id) !== undefined;
  if (session.leased && !hasCurrent && !isHere && redirect(parts, attached, session)) return undefined;
  const at = parts.backend.now();
  const comes = { session: session.id, holder, replica: parts.replica, at };
  let delivered: Delivered | undefined;
  if (hasCurrent)
    delivered = await parts.ledger.reattachHolder({ ...comes, generation: session.generation.id });
  else await parts.ledger.attachHolder(comes);
  parts.hub.join(attached, session.id, bundle.name);
  try {
    await decide(parts, attached, bundle.name);
    const standing = await requireStanding(parts, session.id);
    // Another replica has rotated it before this one could be told.
    if (delivered !== undefined && standing.generation.id !== session.generation.id)
      throw new LeaseholdError('ledger_conflict', { detail: 'a newer generation was made in the meantime' });
  } catch (error) {
    await withdrawAfter(parts, session, error);
    parts.hub.drop(attached, session.id);
    // Not waited for: it comes after us, who have the hold key.
    void parts.detachments.letGo(attached, [session.id]);
    throw error;
  }
  attached.send({
    kind: 'opened',
    bundle,
    session: session.id,
    deadlineAt: session.deadlineAt,
    resumed: hasCurrent,
    leased: session.leased,
  });
  const trouble = parts.trouble.current(session.id);
  if (trouble !== undefined) attached.send({ kind: 'degraded', session: session.id, ...trouble });
  await resumeWork(parts, session, bundle, at);
  if (delivered === undefined) return deliverMissing(parts, opening, granted, session);
  attached.sent.set(session.id, session.generation.id);
  parts.events.count('resumed');
  // It was delivered, but what follows from that may have been lost. Right after a restart the others are not attached yet, and may still use
  // what was replaced.
  if (!delivered.lacking.older) await acknowledged(parts, delivered);
  return resumeStatics(parts, opening, granted, session);
}

/** From the moment in which a run begins to end, no further node of it gets what the others have. */
async function requireNotTooLate(parts: Parts, session: Session, holder: string): Promise<void> {
  if (session.identity.kind !== 'run' || parts.states.state(session.workload).phase !== 'terminating') return;
  const known = await parts.ledger.findHolder({ session: session.id, holder });
  if (known === undefined || known.generation.number === 0) throw new LeaseholdError('workload_terminating');
}

/** The holder lacks the current generation. */
async function deliverMissing(
  parts: Parts,
  opening: Opening,
  { bundle }: Granted,
  session: Session,
): Promise<Rest | undefined> {
  const { attached, signal } = opening;
  requireRenewable(parts, attached);
  const leased = parts.values.get(session.id, session.generation.id);
  if (session.leased && leased === undefined) return () => replaceLost(parts, opening, bundle, session.id);
  const statics = await staticFields(parts, bundle, signal);
  await deliver(parts, {
    session,
    bundle,
    leased,
    statics: statics?.fields,
    to: [attached],
    previousUntil: 0,
  });
  return undefined;
}

/** The values are nowhere any more. Another holder's turn may have come before, and then everybody has been sent the new ones. */
async function replaceLost(
  parts: Parts,
  { attached, request, signal }: Opening,
  bundle: Bundle,
  id: string,
): Promise<void> {
  const session = await parts.ledger.findSession(id);
  if (session?.state !== 'active' || attached.sent.get(id) === session.generation.id) return;
  // A holder that lost its files does not use the old credentials; one that has an older generation, and the others of several, do until they
  // have the new ones.
  const overlap = attached.verified.holders.length > 1 || request.resume?.session === id;
  await rotate(parts, { session, bundle, overlap, needsStatics: true, signal });
}

/** A session nobody was attached to had no renewals: they start again where they stood. */
async function resumeWork(parts: Parts, session: Session, bundle: Bundle, at: number): Promise<void> {
  const current = session.leaseSets.find(({ state }) => state === 'current');
  if (current === undefined) return;
  const { expiresAt } = current;
  // Never later than if it had just been renewed: coming back again and again must not put the renewal off.
  const lastAt = expiresAt - (bundle.ttlSeconds * 1000) / 3;
  const dueAt = Math.round(Math.max(at, Math.min(renewAt(at, expiresAt, parts.random), lastAt)));
  await parts.ledger.putWork([{ kind: 'renew', subject: current.id, dueAt }]);
}

/** Static secrets may have changed while the holder was away; where the engine has no versions, it gets them again. */
async function resumeStatics(
  parts: Parts,
  opening: Opening,
  granted: Granted,
  session: Session,
): Promise<Rest | undefined> {
  const { bundle } = granted;
  if (!bundle.secrets.some(({ kind }) => kind === 'static')) return undefined;
  let snapshot;
  try {
    snapshot = await parts.statics.current(bundle, { signal: opening.signal });
  } catch (error) {
    // The holder has its files; a backend that is away changes nothing for it.
    const { code } = LeaseholdError.from(error);
    parts.trouble.began(session.id, code, parts.backend.now());
    return undefined;
  }
  if (!session.leased) parts.trouble.ended(session.id);
  if (snapshot.versions !== '' && snapshot.versions === session.generation.versions) {
    parts.hub.setStatic(session.id, snapshot.id);
    return undefined;
  }
  requireRenewable(parts, opening.attached);
  return async () => {
    const now = await parts.ledger.findSession(session.id);
    // Another holder's turn has brought it to everybody.
    if (now?.state !== 'active' || now.generation.id !== session.generation.id) return;
    await deliverStatics(parts, { session: now, bundle, signal: opening.signal });
  };
}
