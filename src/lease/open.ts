import type { Session } from '../ledger/ledger.ts';
import { type ErrorCode, hasCode, LeaseholdError } from '../platform/error.ts';
import { type Bundle, isLeased } from '../policy/bundle.ts';
import { matchesSelector } from '../policy/selector.ts';
import { activate } from './activate.ts';
import { identityFacts, sessionFacts } from './audit-facts.ts';
import { deadlineLead } from './deadline.ts';
import { deliver } from './deliver.ts';
import { endSession } from './end-session.ts';
import { renewAt } from './extend.ts';
import type { Attached } from './hub.ts';
import { issue, settleAt } from './issue.ts';
import type { Locks } from './locks.ts';
import type { Parts } from './parts.ts';
import { deliverStatics, rotate, staticFields } from './rotate.ts';
import type { OpenRequest } from './sessions.ts';

interface Granted {
  readonly bundle: Bundle;
  readonly rule: string;
  readonly maxSeconds: number;
}

interface Opening {
  readonly attached: Attached;
  readonly request: OpenRequest;
  readonly signal: AbortSignal;
}

/**
 * One bundle for one proved holder, with the hold key taken: decide, then resume what stands or begin what does not.
 * Refusals are thrown; the caller turns them into a message and a record.
 */
export async function open(parts: Parts, locks: Locks, opening: Opening): Promise<void> {
  const granted = await decide(parts, locks, opening);
  const { workload } = opening.attached.verified.identity;
  const existing = await parts.ledger.findLive(workload, granted.bundle.name);
  if (existing === undefined) {
    await begin(parts, opening, granted, undefined);
    return;
  }
  if (existing.state === 'opening') {
    // The hold key is ours, so nobody here is issuing it: a broker died in the middle, and its values died with it.
    await endSession(parts, { session: existing.id, reason: 'issue_failed', tombstone: false });
    await begin(parts, opening, granted, undefined);
    return;
  }
  await resume(parts, opening, granted, existing);
}

/** A new session for a workload that has proved itself again near the deadline of the old one, which goes when it is delivered. */
export async function openSuccessor(
  parts: Parts,
  locks: Locks,
  opening: Opening,
  old: Session,
): Promise<void> {
  const granted = await decide(parts, locks, opening);
  await begin(parts, opening, granted, old);
}

async function decide(parts: Parts, locks: Locks, opening: Opening): Promise<Granted> {
  const { identity } = opening.attached.verified;
  const { bundle } = opening.request;
  const { phase, freshness } = parts.states.state(identity.workload);
  if (phase === 'ended' && freshness === 'fresh') throw new LeaseholdError('workload_ended');
  const decision = parts.policy.decide(identity, bundle);
  if (!decision.allowed) {
    throw new LeaseholdError(decision.code, decision.rule === undefined ? {} : { detail: decision.rule });
  }
  for (const lock of await locks.list()) {
    if (matchesSelector(lock.selector, { identity, bundle }))
      throw new LeaseholdError('locked', { detail: lock.id });
  }
  return decision;
}

/** What may start something new; a session that is held already needs less. */
function requireMayBegin(parts: Parts, opening: Opening): void {
  const { attached } = opening;
  const { phase, freshness } = parts.states.state(attached.verified.identity.workload);
  if (phase === 'terminating') throw new LeaseholdError('workload_terminating');
  if (freshness !== 'fresh') throw new LeaseholdError('workload_stale');
  if (!attached.mayOpen) throw new LeaseholdError('workload_terminating');
}

async function begin(
  parts: Parts,
  opening: Opening,
  granted: Granted,
  old: Session | undefined,
): Promise<void> {
  requireMayBegin(parts, opening);
  const { attached, request } = opening;
  const { verified } = attached;
  const { bundle } = granted;
  const tombstone = await parts.ledger.findTombstone(verified.identity.workload, bundle.name);
  if (tombstone !== undefined) throw new LeaseholdError('tombstoned');
  await parts.audit.record({
    action: 'open',
    outcome: 'ok',
    actor: verified.identity.spiffeId,
    ...identityFacts(verified.identity),
    holder: verified.holder,
    credentialId: verified.credentialId,
    bundle: bundle.name,
    rule: granted.rule,
    policyRevision: parts.policy.revision,
  });
  const leased = isLeased(bundle);
  // Read before the intent: a bundle whose static half cannot be read makes no credentials that nobody gets.
  const statics = await staticFields(parts, bundle, opening.signal);
  const at = parts.backend.now();
  const id = parts.randomId('ses_');
  const leaseSet = parts.randomId('set_');
  const deadlineAt = at + granted.maxSeconds * 1000;
  const { outcome, session } = await parts.ledger.beginSession({
    id,
    workload: verified.identity.workload,
    bundle: bundle.name,
    requestKey: request.requestKey,
    identity: verified.identity,
    holders: verified.holders,
    grant: granted.rule,
    policyRevision: parts.policy.revision,
    deadlineAt,
    ...(leased
      ? { leaseSet: { id: leaseSet, tokenRole: bundle.tokenRole, settleAt: settleAt(parts, at) } }
      : {}),
    generation: leased ? undefined : { id: parts.randomId('gen_'), versions: statics?.versions ?? '' },
    attach: verified.holder,
    ...(old === undefined ? {} : { supersedes: old.id }),
    work: [
      { kind: 'deadline', subject: id, dueAt: deadlineAt - deadlineLead({ createdAt: at, deadlineAt }) },
    ],
    at,
  });
  await parts.reach('session.begun', session.id);
  if (outcome === 'existing') {
    // Another replica was first.
    await resume(parts, opening, granted, session);
    return;
  }
  let active = session;
  try {
    if (leased) {
      const issued = await issue(parts, { session, bundle, leaseSet, signal: opening.signal });
      active = await activate(parts, {
        session,
        bundle,
        issued,
        versions: statics?.versions ?? '',
        retireAt: at,
        action: 'issue',
      });
      parts.values.keep(session.id, active.generation.id, issued.fields);
      parts.events.count('issued');
    }
    if (old !== undefined) {
      // Its holders hold the successor now; it ends when that is delivered, at its own deadline at the latest.
      for (const stream of parts.hub.attachedTo(old.id)) {
        await parts.ledger.attachHolder({ session: session.id, holder: stream.verified.holder, at });
        parts.hub.join(stream, session.id, bundle.name);
      }
    }
    parts.hub.join(attached, session.id, bundle.name);
    for (const stream of parts.hub.attachedTo(session.id)) {
      stream.send({ kind: 'opened', bundle, session: session.id, deadlineAt, resumed: false, leased });
    }
    await deliver(parts, {
      session: active,
      bundle,
      leased: parts.values.get(session.id, active.generation.id),
      statics: statics?.fields,
      to: parts.hub.attachedTo(session.id),
      previousUntil: old?.deadlineAt ?? 0,
    });
    parts.events.count('opened');
    parts.events.changed(session.id);
  } catch (error) {
    parts.events.count('issue_failed');
    parts.hub.part(session.id);
    await endSession(parts, { session: session.id, reason: 'issue_failed', tombstone: false });
    throw error;
  }
}

/** A live session: the holder still has its generation, or gets what it lacks. Nothing new is issued where that can be avoided. */
async function resume(parts: Parts, opening: Opening, granted: Granted, session: Session): Promise<void> {
  const { attached, request } = opening;
  const { bundle } = granted;
  const { holder } = attached.verified;
  const at = parts.backend.now();
  if (session.leased !== isLeased(bundle)) {
    // The policy changed the nature of the bundle; what stands cannot be carried on.
    await endSession(parts, { session: session.id, reason: 'lost', tombstone: false });
    await begin(parts, opening, granted, undefined);
    return;
  }
  await parts.ledger.attachHolder({ session: session.id, holder, at });
  parts.hub.join(attached, session.id, bundle.name);
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
  await resumeWork(parts, session, at);
  if (hasCurrent) {
    parts.events.count('resumed');
    if (
      !session.holders.some(
        ({ name, generation }) => name === holder && generation.id === session.generation.id,
      )
    ) {
      // It was delivered, but the word of it was lost.
      await parts.ledger.recordDelivered({
        session: session.id,
        holder,
        generation: session.generation.id,
        at,
      });
    }
    await resumeStatics(parts, opening, granted, session);
    return;
  }
  // The holder lacks the current generation.
  const leased = parts.values.get(session.id, session.generation.id);
  if (session.leased && leased === undefined) {
    // Its values are nowhere any more. With one holder nobody uses the old credentials; with several the others still do.
    requireRenewable(parts, opening);
    await rotate(parts, { session, bundle, overlap: session.holders.length > 1, signal: opening.signal });
    return;
  }
  const statics = await staticFields(parts, bundle, opening.signal);
  await deliver(parts, {
    session,
    bundle,
    leased,
    statics: statics?.fields,
    to: [attached],
    previousUntil: 0,
  });
}

/** New credentials for a session that is held: terminating and stale are borne, lost knowledge is not. */
function requireRenewable(parts: Parts, opening: Opening): void {
  const { freshness } = parts.states.state(opening.attached.verified.identity.workload);
  if (freshness === 'lost') throw new LeaseholdError('workload_stale');
}

/** A session nobody was attached to had no renewals: they start again where they stood. */
async function resumeWork(parts: Parts, session: Session, at: number): Promise<void> {
  const current = session.leaseSets.find(({ state }) => state === 'current');
  if (current === undefined) return;
  await parts.ledger.putWork([
    { kind: 'renew', subject: current.id, dueAt: renewAt(at, current.expiresAt, parts.random) },
  ]);
}

/** Static secrets may have changed while the holder was away; where the engine has no versions, it gets them again. */
async function resumeStatics(
  parts: Parts,
  opening: Opening,
  granted: Granted,
  session: Session,
): Promise<void> {
  const { bundle } = granted;
  if (!bundle.secrets.some(({ kind }) => kind === 'static')) return;
  let snapshot;
  try {
    snapshot = await parts.statics.current(bundle, { signal: opening.signal });
  } catch (error) {
    // The holder has its files; a backend that is away changes nothing for it.
    const { code } = LeaseholdError.from(error);
    parts.trouble.began(session.id, code, parts.backend.now());
    return;
  }
  if (snapshot.versions !== '' && snapshot.versions === session.generation.versions) return;
  await deliverStatics(parts, { session, bundle, signal: opening.signal });
}

/** What a workload is told about a refusal. Whether a bundle exists is not its business. */
export function publicCode(error: unknown): { readonly code: ErrorCode; readonly retryAfterMs: number } {
  const known = LeaseholdError.from(error);
  if (known.code === 'bundle_unknown') return { code: 'not_granted', retryAfterMs: 0 };
  return { code: known.code, retryAfterMs: known.retryAfterMs ?? (isPassing(error) ? 2_000 : 0) };
}

function isPassing(error: unknown): boolean {
  return hasCode(
    error,
    'audit_unavailable',
    'backend_lost_reply',
    'backend_rejected',
    'backend_sealed',
    'backend_throttled',
    'backend_timeout',
    'backend_unavailable',
    'deadline_exceeded',
    'ledger_conflict',
    'ledger_unavailable',
    'overloaded',
    'shutting_down',
    'workload_stale',
  );
}
