import type { NewWork, Session } from '../ledger/ledger.ts';
import { LeaseholdError } from '../platform/error.ts';
import type { Bundle } from '../policy/bundle.ts';
import { leaseSetFacts, sessionFacts } from './audit-facts.ts';
import { extend, renewAt } from './extend.ts';
import type { Issued } from './issue.ts';
import type { Parts } from './parts.ts';

/**
 * Step 6: a recorded lease set gets its working ttl, is audited, and becomes the session's current one. Only after this may anybody see its
 * values. The ledger's word comes last: whatever fails before it leaves the session with the lease set that it had, and the settle item or
 * the caller revokes the new one. Throws `ledger_conflict` when the session was revoked in the meantime, `audit_unavailable` when
 * there is no record.
 */
export async function activate(
  parts: Parts,
  options: {
    readonly session: Session;
    readonly bundle: Bundle;
    readonly issued: Issued;
    readonly versions: string;
    /** Asked at the last moment, so that an overlap counts from here. */
    readonly retireAt: () => number;
    readonly action: 'issue' | 'rotate';
  },
): Promise<Session> {
  const { ledger, backend } = parts;
  const { session, bundle, issued } = options;
  const leaseSet = await ledger.findLeaseSet(issued.leaseSet);
  if (leaseSet?.state !== 'token') throw new LeaseholdError('ledger_conflict');
  const { ttlSeconds } = bundle;
  const extension = await extend(parts, { leaseSet, ttlSeconds, deadlineAt: session.deadlineAt });
  if (extension.lost) throw new LeaseholdError('backend_not_found');
  await parts.reach('lease_set.extended', issued.leaseSet);
  const generation = { id: parts.randomId('gen_'), versions: options.versions };
  await parts.audit.record({
    action: options.action,
    outcome: 'ok',
    actor: options.action === 'issue' ? session.identity.spiffeId : 'broker',
    ...sessionFacts(session),
    ...leaseSetFacts(leaseSet, parts.audit),
    generation: generation.id,
  });
  await parts.reach('issue.audited', issued.leaseSet);
  const at = backend.now();
  const activated = await ledger.activate({
    session: session.id,
    // Each credential's own end tells a lapse from a loss.
    leaseSet: {
      id: issued.leaseSet,
      expiresAt: extension.expiresAt,
      credentials: extension.credentials,
    },
    generation,
    retireAt: options.retireAt(),
    work: [
      {
        kind: 'renew',
        subject: issued.leaseSet,
        dueAt: renewAt(at, extension.expiresAt, parts.random),
      },
      ...rotationWork(parts, session, bundle, at),
    ],
    at,
  });
  await parts.reach('lease_set.activated', issued.leaseSet);
  parts.events.changed(activated.id);
  return activated;
}

/** The bundle's own rotation interval, spread by a tenth, unless the deadline comes first anyway. */
function rotationWork(
  parts: Pick<Parts, 'random'>,
  session: Pick<Session, 'id' | 'deadlineAt'>,
  bundle: Bundle,
  at: number,
): readonly NewWork[] {
  if (bundle.rotateSeconds === undefined) return [];
  const dueAt = Math.round(at + bundle.rotateSeconds * 1000 * (0.9 + parts.random() * 0.1));
  return dueAt < session.deadlineAt ? [{ kind: 'rotate', subject: session.id, dueAt }] : [];
}
