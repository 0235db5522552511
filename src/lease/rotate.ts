import type { Session } from '../ledger/ledger.ts';
import { hasCode, LeaseholdError } from '../platform/error.ts';
import { type Bundle, isLeased } from '../policy/bundle.ts';
import { activate } from './activate.ts';
import { requireStanding } from './decide.ts';
import { deliver } from './deliver.ts';
import { issue, settleAt } from './issue.ts';
import type { SecretFields } from './owned-values.ts';
import type { Parts } from './parts.ts';
import type { StaticSnapshot } from './static-secrets.ts';

/**
 * A new lease set for a session, make before break: the old one retires when every attached holder has acknowledged, or after the
 * overlap. Called with the session's hold key taken. `overlap` false: nobody has the old values, so the old set goes at once.
 */
export async function rotate(
  parts: Parts,
  options: {
    readonly session: Session;
    readonly bundle: Bundle;
    readonly overlap: boolean;
    readonly signal: AbortSignal;
  },
): Promise<Session> {
  const { bundle } = options;
  const statics = await staticFields(parts, bundle, options.signal);
  const issued = await parts.admission.run(
    options.session.identity.namespace,
    async () => {
      const leaseSet = parts.randomId('set_');
      const at = parts.backend.now();
      await parts.ledger.beginLeaseSet({
        session: options.session.id,
        leaseSet: { id: leaseSet, tokenRole: bundle.tokenRole, settleAt: settleAt(parts, at) },
        at,
      });
      await parts.reach('lease_set.begun', leaseSet);
      return issue(parts, { session: options.session, bundle, leaseSet });
    },
    { signal: options.signal },
  );
  const previousUntil = options.overlap ? parts.backend.now() + bundle.overlapSeconds * 1000 : 0;
  let session: Session;
  try {
    session = await activate(parts, {
      session: options.session,
      bundle,
      issued,
      versions: statics?.versions ?? '',
      retireAt: options.overlap ? previousUntil : parts.backend.now(),
      action: 'rotate',
    });
  } catch (error) {
    // Activated or not, nobody has seen its values. A conflict means that the session is being revoked anyway.
    await parts.ledger.beginRevokeLeaseSet({ leaseSet: issued.leaseSet, at: parts.backend.now() });
    parts.wake();
    throw error;
  }
  await keepStanding(parts, session, issued.fields);
  parts.events.count('rotated');
  parts.trouble.ended(session.id);
  await deliver(parts, {
    session,
    bundle,
    leased: issued.fields,
    statics: statics?.fields,
    to: parts.hub.attachedTo(session.id),
    previousUntil,
  });
  if (!options.overlap) parts.wake();
  return session;
}

/** Values of a session that was revoked meanwhile must not stay behind in memory. */
async function keepStanding(parts: Parts, session: Session, fields: SecretFields): Promise<void> {
  parts.values.keep(session.id, session.generation.id, fields);
  try {
    await requireStanding(parts, session.id);
  } catch (error) {
    if (hasCode(error, 'ledger_conflict')) parts.values.forget(session.id);
    throw error;
  }
}

/** The static half of a mixed bundle; undefined for one that has none. */
export async function staticFields(
  parts: Parts,
  bundle: Bundle,
  signal: AbortSignal,
): Promise<StaticSnapshot | undefined> {
  return bundle.secrets.some(({ kind }) => kind === 'static')
    ? parts.statics.current(bundle, { signal })
    : undefined;
}

/** A new version of static secrets for one session: a new generation, no new leases, leased values unchanged. */
export async function deliverStatics(
  parts: Parts,
  options: { readonly session: Session; readonly bundle: Bundle; readonly signal: AbortSignal },
): Promise<Session> {
  const snapshot = await parts.statics.current(options.bundle, { signal: options.signal });
  const at = parts.backend.now();
  const before = options.session.generation;
  const session = await parts.ledger.activate({
    session: options.session.id,
    generation: { id: parts.randomId('gen_'), versions: snapshot.versions },
    retireAt: at,
    work: [],
    at,
  });
  const owned = parts.values.get(session.id, before.id);
  // Some holder may not have the leased values yet: they move to the new generation.
  if (owned !== undefined) await keepStanding(parts, session, owned);
  await deliver(parts, {
    session,
    bundle: options.bundle,
    leased: owned,
    statics: snapshot.fields,
    to: parts.hub.attachedTo(session.id),
    previousUntil: 0,
  });
  parts.events.changed(session.id);
  return session;
}

/** The work item: an interval, an administrator's wish, or credentials near their end. */
export async function rotateWork(parts: Parts, id: string): Promise<number | undefined> {
  const session = await parts.ledger.findSession(id);
  if (session?.state !== 'active') return undefined;
  // Nobody would get it; who comes back asks for what it needs.
  if (!parts.hub.isAttached(id)) return undefined;
  const bundle = parts.policy.bundle(session.bundle);
  if (bundle === undefined) return undefined;
  if (parts.states.state(session.workload).freshness === 'lost') {
    return parts.backend.now() + parts.settings.retryMaxMs;
  }
  try {
    if (isLeased(bundle)) await rotate(parts, { session, bundle, overlap: true, signal: parts.signal });
    else {
      await parts.statics.refresh(bundle, { signal: parts.signal });
      await deliverStatics(parts, { session, bundle, signal: parts.signal });
    }
    return undefined;
  } catch (error) {
    if (hasCode(error, 'ledger_conflict')) return undefined;
    parts.events.count('rotate_failed');
    const { code } = LeaseholdError.from(error);
    parts.log.warn('rotation failed and is tried again', { session: id }, error);
    parts.trouble.began(id, code, parts.backend.now());
    return parts.backend.now() + parts.settings.retryMaxMs * (0.5 + parts.random() / 2);
  }
}
