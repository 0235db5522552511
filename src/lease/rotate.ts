import type { LeaseSet, Session } from '../ledger/ledger.ts';
import type { Bundle } from '../policy/bundle.ts';
import { activate } from './activate.ts';
import { deliver } from './deliver.ts';
import { giveUp, type Issued, issue, settleAt } from './issue.ts';
import type { Parts } from './parts.ts';
import { overlapEnd } from './retire.ts';
import { keepStanding } from './standing.ts';
import { staticFields } from './static-delivery.ts';
import type { StaticSnapshot } from './static-secrets.ts';
import { tenantOf } from './tenant.ts';

/**
 * A new lease set for a session, make before break: the old one retires when every attached holder has acknowledged, or after the
 * overlap. Called with the session's hold key taken. Whatever fails before the new one is current leaves the old one as it was; what fails
 * after that is a delivery, which is made up for by a work item while the old one stays.
 */
export async function rotate(
  parts: Parts,
  options: {
    readonly session: Session;
    readonly bundle: Bundle;
    /** False: nobody has the old values, so the old set goes at once. */
    readonly overlap: boolean;
    /** False: every holder has the static half, so leases near their end do not wait for one that cannot be read. */
    readonly needsStatics: boolean;
    readonly signal: AbortSignal;
  },
): Promise<Session> {
  const { bundle, overlap } = options;
  const statics = await staticHalf(parts, options);
  const issued = await parts.admission.run(
    tenantOf(options.session.identity),
    () => issueFurther(parts, options),
    { signal: options.signal },
  );
  const previous = options.session.leaseSets.find(({ state }) => state === 'current');
  let session: Session;
  let previousUntil = 0;
  try {
    if (previous !== undefined && overlap)
      previousUntil = await overlapEnd(parts, { session: options.session, leaseSet: previous, bundle });
    session = await activate(parts, {
      session: options.session,
      bundle,
      issued,
      versions: statics?.versions ?? options.session.generation.versions,
      retireAt: () => (overlap ? previousUntil : parts.backend.now()),
      action: 'rotate',
    });
  } catch (error) {
    // Nobody has seen its values.
    await giveUp(parts, issued.leaseSet, parts.backend.now());
    throw error;
  }
  if (previous !== undefined && !overlap) await revokeAtOnce(parts, previous);
  await keepStanding(parts, session, issued.fields);
  parts.events.count('rotated');
  parts.trouble.ended(session.id);
  try {
    await deliver(parts, {
      session,
      bundle,
      leased: issued.fields,
      statics: statics?.fields,
      to: parts.hub.attachedTo(session.id),
      previousUntil,
    });
    if (statics !== undefined) parts.hub.setStatic(session.id, statics.id);
  } catch (error) {
    await parts.ledger.putWork([
      { kind: 'rotate', subject: session.id, dueAt: parts.backend.now() + parts.settings.retryMinMs * 5 },
    ]);
    throw error;
  }
  return session;
}

async function staticHalf(
  parts: Parts,
  options: {
    readonly bundle: Bundle;
    readonly session: Session;
    readonly needsStatics: boolean;
    readonly signal: AbortSignal;
  },
): Promise<StaticSnapshot | undefined> {
  const { bundle, session } = options;
  try {
    return await staticFields(parts, bundle, options.signal);
  } catch (error) {
    if (options.needsStatics) throw error;
    parts.log.warn('a rotation goes on with the static secrets as they are', { session: session.id }, error);
    return parts.statics.peek(bundle);
  }
}

/** Steps 2 to 5 for a session that has lease sets already. */
async function issueFurther(
  parts: Parts,
  { session, bundle }: { readonly session: Session; readonly bundle: Bundle },
): Promise<Issued> {
  // With the hold key taken and no other living owner, nobody is making these any more: their broker died, or the ledger was away when they
  // failed.
  for (const { id, state } of session.leaseSets) {
    if (state === 'intent' || state === 'token')
      await parts.ledger.beginRevokeLeaseSet({ leaseSet: id, at: parts.backend.now() });
  }
  const leaseSet = parts.randomId('set_');
  const at = parts.backend.now();
  await parts.ledger.beginLeaseSet({
    session: session.id,
    owner: parts.replicas.owner(session.identity),
    // Of several replicas that find the values gone, the first one makes new ones.
    ...(session.owner === undefined ? {} : { insteadOf: session.owner.replica }),
    leaseSet: { id: leaseSet, tokenRole: bundle.tokenRole, settleAt: settleAt(parts, at) },
    at,
  });
  await parts.reach('lease_set.begun', leaseSet);
  return issue(parts, { session, bundle, leaseSet });
}

async function revokeAtOnce(parts: Parts, { id }: LeaseSet): Promise<void> {
  await parts.ledger.beginRevokeLeaseSet({ leaseSet: id, at: parts.backend.now() });
  parts.wake();
}
