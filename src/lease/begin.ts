import type { Session } from '../ledger/ledger.ts';
import { LeaseholdError } from '../platform/error.ts';
import { isLeased } from '../policy/bundle.ts';
import { activate } from './activate.ts';
import { identityFacts } from './audit-facts.ts';
import { deadlineLead, sessionDeadline } from './deadline.ts';
import { decide, type Granted, requireMayBegin } from './decide.ts';
import { deliver } from './deliver.ts';
import { endSession } from './end-session.ts';
import { type Issued, issue, settleAt } from './issue.ts';
import type { Opening } from './open.ts';
import type { Parts } from './parts.ts';
import { requireStanding } from './standing.ts';
import { keyOf } from './session-key.ts';
import { staticFields } from './static-delivery.ts';
import type { StaticSnapshot } from './static-secrets.ts';
import { tenantOf } from './tenant.ts';

/** What came of the first durable step. */
type Begun =
  | { readonly outcome: 'existing'; readonly session: Session }
  | { readonly outcome: 'created'; readonly session: Session; readonly issued: Issued | undefined };

/**
 * A new session, with the hold key taken; with `old`, its successor. Returns a live session of somebody else's making when there was
 * one after all, undefined when the new one is delivered. Whatever fails, nothing of it stays.
 */
export async function begin(
  parts: Parts,
  opening: Opening,
  granted: Granted,
  old: Session | undefined,
): Promise<Session | undefined> {
  requireMayBegin(parts, opening.attached);
  const { verified } = opening.attached;
  const { bundle } = granted;
  // What it was to go on with has ended, or the policy was exchanged, while it waited for its turn: it asks again, and as the policy says now.
  if (old === undefined && keyOf(verified, bundle.name, bundle).node !== opening.key.node)
    throw new LeaseholdError('ledger_conflict', { detail: 'whose the bundle is has changed meanwhile' });
  if ((await parts.ledger.findTombstone(verified.identity.workload, bundle.name)) !== undefined)
    throw new LeaseholdError('tombstoned');
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
  // Read before the intent: a bundle whose static half cannot be read makes no credentials that nobody gets.
  const statics = await staticFields(parts, bundle, opening.signal);
  const make = () => record(parts, opening, granted, { old, versions: statics?.versions ?? '' });
  // The slot comes before the ledger: a storm that is turned away has cost no commit and left no row.
  const begun = isLeased(bundle)
    ? await parts.admission.run(tenantOf(verified.identity), make, { signal: opening.signal })
    : await make();
  if (begun.outcome === 'existing') return begun.session;
  try {
    await handOver(parts, opening, { ...begun, granted, statics, old });
    return undefined;
  } catch (error) {
    await abandon(parts, begun.session);
    throw error;
  }
}

/** Step 2 and, for a leased bundle, steps 3 to 5. */
async function record(
  parts: Parts,
  opening: Opening,
  granted: Granted,
  { old, versions }: { readonly old: Session | undefined; readonly versions: string },
): Promise<Begun> {
  const { verified } = opening.attached;
  const { node } = opening.key;
  const { bundle } = granted;
  const leased = isLeased(bundle);
  const at = parts.backend.now();
  const id = parts.randomId('ses_');
  const leaseSet = parts.randomId('set_');
  const deadlineAt = sessionDeadline(verified, at, granted.maxSeconds);
  const { outcome, session } = await parts.ledger.beginSession({
    id,
    workload: verified.identity.workload,
    bundle: bundle.name,
    node,
    requestKey: opening.request.requestKey,
    identity: verified.identity,
    holders: node === '' ? verified.holders : [verified.holder],
    grant: granted.rule,
    policyRevision: parts.policy.revision,
    deadlineAt,
    ...(leased
      ? { leaseSet: { id: leaseSet, tokenRole: bundle.tokenRole, settleAt: settleAt(parts, at) } }
      : {}),
    generation: leased ? undefined : { id: parts.randomId('gen_'), versions },
    attach: verified.holder,
    replica: parts.replica,
    ...(leased ? { owner: parts.replicas.owner(verified.identity) } : {}),
    ...(old === undefined ? {} : { supersedes: old.id }),
    work: [
      { kind: 'deadline', subject: id, dueAt: deadlineAt - deadlineLead({ createdAt: at, deadlineAt }) },
    ],
    at,
  });
  await parts.reach('session.begun', session.id);
  if (outcome === 'existing') return { outcome, session };
  try {
    await decide(parts, opening.attached, bundle.name);
    const issued = leased ? await issue(parts, { session, bundle, leaseSet }) : undefined;
    return { outcome, session, issued };
  } catch (error) {
    await abandon(parts, session);
    throw error;
  }
}

/** Step 6, and the first delivery. */
async function handOver(
  parts: Parts,
  { attached }: Opening,
  made: {
    readonly session: Session;
    readonly issued: Issued | undefined;
    readonly granted: Granted;
    readonly statics: StaticSnapshot | undefined;
    readonly old: Session | undefined;
  },
): Promise<void> {
  const { session, issued, statics, old } = made;
  const { bundle } = made.granted;
  let active = session;
  if (issued !== undefined) {
    active = await activate(parts, {
      session,
      bundle,
      issued,
      versions: statics?.versions ?? '',
      retireAt: () => parts.backend.now(),
      action: 'issue',
    });
    parts.values.keep(session.id, active.generation.id, issued.fields);
    parts.events.count('issued');
  }
  // Its holders hold the successor from now on; it ends when that is delivered, at its own deadline at the latest.
  const streams = new Set([attached, ...(old === undefined ? [] : parts.hub.attachedTo(old.id))]);
  for (const stream of streams) {
    if (stream !== attached) {
      const { holder } = stream.verified;
      await parts.ledger.attachHolder({
        session: session.id,
        holder,
        replica: parts.replica,
        at: parts.backend.now(),
      });
    }
    parts.hub.join(stream, session.id, bundle.name);
  }
  if (statics !== undefined) parts.hub.setStatic(session.id, statics.id);
  await decide(parts, attached, bundle.name);
  await requireStanding(parts, session.id);
  const { deadlineAt, leased } = session;
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
}

/** Why it failed matters more than that the ledger could not take its end too: the settle and detached items see to that. */
async function abandon(parts: Parts, session: Session): Promise<void> {
  parts.events.count('issue_failed');
  try {
    await endSession(parts, { session: session.id, reason: 'issue_failed', tombstone: false });
  } catch (error) {
    parts.log.error('a session that failed could not be ended yet', { session: session.id }, error);
  }
}
